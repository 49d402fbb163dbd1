"""XCAT and every row of its paper that describes a graph (Ayazoglu & Bilecen 2022)."""

from functools import partial
from typing import Literal

from nas.graph import Concat, Conv2d, Graph, GraphBuilder
from nas.graph.blocks import Mix, anchor, hx_block, tail
from nas.zoo.entry import Entry

__all__ = ["ENTRIES"]

PAPER = "Ayazoglu & Bilecen 2022, AIM workshop at ECCV"


def xcat(
    split: tuple[int, int] = (21, 7),
    m: int = 2,
    mix: Mix = "cross",
    *,
    first_kernel: int = 1,
    conv2_kernel: int | None = 3,
    join: Literal["add", "concat"] = "add",
) -> Graph:
    """XCAT, with what its ablation rows change."""
    g = GraphBuilder(channels=3)
    nearest = anchor(g, "nearest_conv", scale=3)
    x = g.append(Conv2d(sum(split), activation="relu"), g.input)
    for _ in range(m):
        x = hx_block(g, x, split=split, kernels=(first_kernel, 3), mix=mix)
    if conv2_kernel:
        x = g.append(Conv2d(27, kernel=conv2_kernel, activation="relu"), x)
    if join == "concat":
        x = g.append(Concat(), x, nearest)
    x = g.append(Conv2d(27), x)
    added = nearest if join == "add" else None
    return g.graph(tail(g, x, scale=3, clip="before", add=added))


no_conv2 = partial(xcat, m=4, conv2_kernel=None)

ROWS = {  # of Table 1: the change, as a call
    "XCAT": partial(xcat),
    "XCAT-A": partial(xcat),
    "XCAT-B": partial(xcat, mix="conv"),
    "XCAT-C": partial(xcat, mix="conv", first_kernel=3),
    "XCAT-D": partial(xcat, (28, 0), first_kernel=3),
    "XCAT-E": partial(xcat, m=4),
    "XCAT-F": partial(xcat, m=4, conv2_kernel=1),
    "XCAT-G": no_conv2,
    "XCAT-H": partial(no_conv2, (16, 12)),
    "XCAT-I": partial(no_conv2, (7, 21)),
    "XCAT-J": partial(no_conv2, (7, 21), first_kernel=3),
    "XCAT-K": partial(no_conv2, (7, 21), m=3),
    "XCAT-L": partial(no_conv2, (16, 4)),
    "XCAT-M": partial(no_conv2, (16, 4), join="concat"),
}
TABLE_3 = ((21, 7, 2), (21, 7, 4), (21, 7, 8), (21, 7, 12), (24, 8, 6), (56, 8, 4))
MIXES: tuple[Mix, ...] = ("cross", "straight")

ENTRIES = (
    *(
        Entry(name, build, f"{PAPER}, Table 1", "inferred", "conv2 C->27 with ReLU, conv3 27->27")
        for name, build in ROWS.items()
    ),
    *(
        Entry(
            f"XCAT-T3-{x}_{y}-m{m}-{mix}",
            partial(xcat, (x, y), m, mix),
            f"{PAPER}, Table 3",
            "inferred",
        )
        for x, y, m in TABLE_3
        for mix in MIXES
    ),
)
