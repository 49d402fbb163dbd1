"""The networks of the table: a part of `hxnet` and of `anchor` small enough to train them all.

XCAT and its variants B to E, G to M, with the plain convolutions of XCAT-D in several widths and
depths as in ABPN. Each pick is one of those spaces'; no network is described anew.
"""

from nas.graph import Graph
from nas.space import Choice, Option, Pick, Space, load_space

__all__ = ["space"]

_HXNET, _ANCHOR = load_space("hxnet"), load_space("anchor")
_SPLITS = ("21_7", "16_12", "7_21", "16_4")  # channels of the first and the second group
_HX, _PLAIN = {"family": ("hxnet",)}, {"family": ("anchor",)}
_ADDED = {"anchor": "nearest_conv", "join": "add"}
_CONCATENATED = {"anchor": "nearest_conv", "join": "concat"}

CHOICES = (
    Choice("family", ("hxnet", "anchor"), about="whose builder"),
    Choice("split", ("28_0", *_SPLITS), when=_HX, about="channels of the two groups"),
    Choice("first_kernel", (1, 3), when=_HX, about="kernel of the first group; the second's is 3"),
    Choice("mix", ("cross", "straight", "conv"), when={"split": _SPLITS}, about="as in hxnet"),
    Choice("blocks", (2, 3, 4), when=_HX, about="number of HXBlocks"),
    Choice("after", ("none", "conv3x3"), when=_HX, about="conv after the last block"),
    Choice("join", ("add", "concat", "none"), when=_HX, about="how the upsampled image joins"),
    Choice("width", (12, 16, 20, 24, 28, 36), when=_PLAIN, about="channels of the body"),
    Choice("depth", (2, 3, 4, 5), when=_PLAIN, about="convs after the first"),
    Choice("extra", ("none", "conv"), when=_PLAIN, about="conv of output width before the last"),
    Choice("image", ("copies", "input", "none"), when=_PLAIN, about="what joins: copies are added"),
)


def build(pick: Pick, scale: int) -> Graph:
    """The network of one pick, by the builder of its family."""
    if pick.family == "hxnet":
        return _HXNET.graph(_hxnet(pick), scale=scale)
    return _ANCHOR.graph(_anchor(pick), scale=scale)


def _hxnet(pick: Pick) -> dict[str, Option]:
    first, second = map(int, pick.split.split("_"))
    decided: dict[str, Option] = {
        "first_channels": first,
        "second_channels": second,
        "first_kernel": pick.first_kernel,
        "blocks": pick.blocks,
        "after": pick.after,
        "clip": "before",
    }
    if second:
        decided |= {"second_kernel": 3, "mix": pick.mix}
    return decided | {"add": _ADDED, "concat": _CONCATENATED, "none": {"anchor": "none"}}[pick.join]


def _anchor(pick: Pick) -> dict[str, Option]:
    decided: dict[str, Option] = {
        "width": pick.width,
        "head_kernel": 3,
        "depth": pick.depth,
        "extra": pick.extra,
        "last_kernel": 3,
        "anchor": pick.image,
        "limit": "before",
        "form": "plain",
    }
    joined: dict[str, Option] = {"copies": "join", "input": "concat"}
    if pick.image in joined:
        decided[str(joined[pick.image])] = "add" if pick.image == "copies" else "concat"
    return decided


space = Space(
    name="table",
    choices=CHOICES,
    build=build,
    known={
        "XCAT": {
            "family": "hxnet", "split": "21_7", "first_kernel": 1, "mix": "cross", "blocks": 2,
            "after": "conv3x3", "join": "add",
        },
        "XCAT-D": {
            "family": "hxnet", "split": "28_0", "first_kernel": 3, "blocks": 2,
            "after": "conv3x3", "join": "add",
        },
    },
    about="the networks of the benchmark table",
)  # fmt: skip
