"""The space of XLSR (Ayazoglu 2021): group convolutions, mixed by 1x1 convolutions.

Shallow heads side by side -> 1x1 -> GBlocks -> concatenated with a shallow conv of the image ->
1x1 -> output conv -> clip, depth-to-space.
"""

from nas.graph import Concat, Conv2d, Graph, GraphBuilder
from nas.graph.blocks import output
from nas.space import Choice, Option, Pick, Space

SKIPS = (8, 16, 24)

CHOICES = (
    Choice("heads", (1, 2, 4), about="shallow convs of the image, side by side"),
    Choice("head_channels", (8, 12, 16), about="channels of each"),
    Choice("width", (16, 24, 32, 48), about="channels of the body"),
    Choice("groups", (1, 2, 4, 8), about="groups of the 3x3 conv in a GBlock"),
    Choice("gblocks", tuple(range(1, 7)), about="number of GBlocks"),
    Choice("skip_channels", (0, *SKIPS), about="of the shallow conv at the end; 0: none"),
    Choice("skip_kernel", (1, 3), when={"skip_channels": SKIPS}, about="its kernel"),
    Choice("fuse_width", (16, 24, 32, 48), about="channels of the 1x1 conv before the output"),
    Choice("limit", ("before", "after", "none"), about="where the clip is, if any"),
)


def build(pick: Pick, scale: int) -> Graph:
    """The network of one pick."""
    g = GraphBuilder(channels=3)
    head = Conv2d(pick.head_channels, activation="relu")
    heads = [g.append(head, g.input) for _ in range(pick.heads)]
    x = heads[0] if len(heads) == 1 else g.append(Concat(), *heads)
    x = g.append(Conv2d(pick.width, kernel=1), x)
    for _ in range(pick.gblocks):
        grouped = Conv2d(pick.width, groups=pick.groups, activation="relu")
        x = g.chain(x, grouped, Conv2d(pick.width, kernel=1))
    if pick.skip_channels:
        skip = g.append(Conv2d(pick.skip_channels, kernel=pick.skip_kernel), g.input)
        x = g.append(Concat(), x, skip)
    x = g.append(Conv2d(pick.fuse_width, kernel=1, activation="relu"), x)
    return g.graph(output(g, x, Conv2d(3 * scale**2), scale=scale, limit=pick.limit))


XLSR: dict[str, Option] = {
    "heads": 4,
    "head_channels": 8,
    "width": 32,
    "groups": 4,
    "gblocks": 3,
    "skip_channels": 16,
    "skip_kernel": 3,
    "fuse_width": 32,
    "limit": "before",
}

space = Space(
    name="gblock",
    choices=CHOICES,
    build=build,
    scales=(2, 3, 4),
    known={"XLSR": XLSR, "XLSR-linear": XLSR | {"limit": "none"}},
    about="XLSR and around it: group convolutions between 1x1 convolutions",
    distinct_at=(2, 3, 4),
)
