"""The space of the XCAT paper and around it (Ayazoglu & Bilecen 2022).

head conv -> HXBlocks -> conv after the last block -> output conv -> join the anchor -> clip,
depth-to-space. The body is `first_channels + second_channels` wide; `second_channels = 0` makes
each block one plain convolution.
"""

from nas.graph import Concat, Conv2d, Graph, GraphBuilder
from nas.graph.blocks import anchor, hx_block, tail
from nas.space import Choice, Option, Pick, Space

FIRST = (4, 7, 8, 12, 14, 16, 20, 21, 24, 28, 32, 40, 48, 56)
SECOND = (0, 4, 7, 8, 12, 14, 16, 20, 21, 24, 28)
SPLIT = SECOND[1:]
UPSAMPLED = ("nearest_conv", "copies", "conv")

CHOICES = (
    Choice("first_channels", FIRST, about="channels of the first group"),
    Choice("second_channels", SECOND, about="channels of the second group; 0: one plain conv"),
    Choice("first_kernel", (1, 3), about="kernel of the first group"),
    Choice("second_kernel", (1, 3), when={"second_channels": SPLIT}, about="of the second group"),
    Choice("blocks", tuple(range(1, 13)), about="number of HXBlocks"),
    Choice(
        "mix",
        ("cross", "straight", "conv"),
        when={"second_channels": SPLIT},
        about="how groups meet: swapped concat, concat, concat and 1x1 conv",
    ),
    Choice("after", ("none", "conv1x1", "conv3x3"), about="conv after the last block"),
    Choice(
        "anchor",
        ("none", *UPSAMPLED, "input"),
        about="image that joins the end: upsampled (fixed 1x1, copies, trained conv) or as it is",
    ),
    Choice("anchor_kernel", (1, 3), when={"anchor": ("conv",)}, about="of the trained anchor"),
    Choice(
        "join",
        ("add", "concat"),
        when={"anchor": UPSAMPLED},
        about="add after the output conv, or concat before it",
    ),
    Choice("clip", ("before", "after"), about="clip before or after depth-to-space"),
)


def build(pick: Pick, scale: int) -> Graph:
    """The network of one pick."""
    g = GraphBuilder(channels=3)
    split = (pick.first_channels, pick.second_channels)
    kernels = (pick.first_kernel, pick.get("second_kernel", 1))
    outputs = 3 * scale**2

    joined = None
    if pick.anchor in UPSAMPLED:
        kernel = pick.get("anchor_kernel", 1)
        joined = anchor(g, pick.anchor, scale=scale, kernel=kernel)
    elif pick.anchor == "input":
        joined = g.input
    adds = pick.get("join") == "add"

    x = g.append(Conv2d(sum(split), activation="relu"), g.input)
    for _ in range(pick.blocks):
        x = hx_block(g, x, split=split, kernels=kernels, mix=pick.get("mix", "straight"))
    if pick.after != "none":
        x = g.append(_after(pick.after, outputs=outputs, body=sum(split)), x)
    if joined is not None and not adds:
        x = g.append(Concat(), x, joined)
    x = g.append(Conv2d(outputs), x)
    return g.graph(tail(g, x, scale=scale, clip=pick.clip, add=joined if adds else None))


def _after(kind: str, *, outputs: int, body: int) -> Conv2d:
    """The conv after the last block.

    "body3x3" is for `mobile`; here it would be "conv3x3" where the body is as wide as the output.
    """
    features = body if kind == "body3x3" else outputs
    return Conv2d(features, kernel=1 if kind == "conv1x1" else 3, activation="relu")


def known(first: int, second: int, blocks: int, mix: str, **changes: Option) -> dict[str, Option]:
    """A point of the paper: XCAT but for what is named."""
    picked: dict[str, Option] = {
        "first_channels": first,
        "second_channels": second,
        "first_kernel": 1,
        "second_kernel": 3,
        "blocks": blocks,
        "mix": mix,
        "after": "conv3x3",
        "anchor": "nearest_conv",
        "join": "add",
        "clip": "before",
    }
    return picked | changes


def plain(first: int, blocks: int) -> dict[str, Option]:
    """XCAT with one 3x3 conv for each block (row D)."""
    picked = known(first, 0, blocks, "straight", first_kernel=3)
    return {name: picked[name] for name in picked if name not in ("second_kernel", "mix")}


KNOWN = {
    "XCAT": known(21, 7, 2, "cross"),
    "XCAT-B": known(21, 7, 2, "conv"),
    "XCAT-C": known(21, 7, 2, "conv", first_kernel=3),
    "XCAT-D": plain(28, 2),
    "XCAT-E": known(21, 7, 4, "cross"),
    "XCAT-F": known(21, 7, 4, "cross", after="conv1x1"),
    "XCAT-G": known(21, 7, 4, "cross", after="none"),
    "XCAT-H": known(16, 12, 4, "cross", after="none"),
    "XCAT-I": known(7, 21, 4, "cross", after="none"),
    "XCAT-J": known(7, 21, 4, "cross", after="none", first_kernel=3),
    "XCAT-K": known(7, 21, 3, "cross", after="none"),
    "XCAT-L": known(16, 4, 4, "cross", after="none"),
    "XCAT-M": known(16, 4, 4, "cross", after="none", join="concat"),
    **{
        f"XCAT-T3-{first}_{second}-m{blocks}-{mix}": known(first, second, blocks, mix)
        for first, second, blocks in ((21, 7, 2), (21, 7, 8), (21, 7, 12), (24, 8, 6), (56, 8, 4))
        for mix in ("cross", "straight")
        if (blocks, mix) != (2, "cross")
    },
    "XCAT-T3-21_7-m4-straight": known(21, 7, 4, "straight"),
}

space = Space(
    name="hxnet",
    choices=CHOICES,
    build=build,
    scales=(2, 3, 4),
    known=KNOWN,
    about="XCAT and around it: heterogeneous group convolutions, any anchor, any join",
    distinct_at=(3,),  # 12 or 48 channels are the output width of scale 2 or 4
)
