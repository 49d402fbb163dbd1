"""XCAT and every row of its paper that describes a graph (Ayazoglu & Bilecen 2022)."""

from functools import partial
from typing import Literal

from nas.graph import Concat, Conv2d, Graph, GraphBuilder, NearestConv2d
from nas.graph.blocks import Mix, hx_block, tail
from nas.zoo.entry import Entry
from nas.zoo.figures import XCAT_PAPER, Figure, printed_parameters, report_2022, xcat_table

__all__ = ["ENTRIES"]


def xcat(
    split: tuple[int, int] = (21, 7),
    m: int = 2,
    mix: Mix = "cross",
    *,
    first_kernel: int = 1,
    conv2: Conv2d | None = Conv2d(27, activation="relu"),  # noqa: B008 - frozen
    join: Literal["add", "concat"] = "add",
) -> Graph:
    """XCAT, with what its ablation rows change."""
    g = GraphBuilder(channels=3)
    nearest = g.append(NearestConv2d(3), g.input)
    x = g.append(Conv2d(sum(split), activation="relu"), g.input)
    for _ in range(m):
        x = hx_block(g, x, split=split, kernels=(first_kernel, 3), mix=mix)
    if conv2:
        x = g.append(conv2, x)
    if join == "concat":
        x = g.append(Concat(), x, nearest)
    x = g.append(Conv2d(27), x)
    added = nearest if join == "add" else None
    return g.graph(tail(g, x, scale=3, clip="before", add=added))


XCAT = Entry(
    "XCAT",
    partial(xcat),
    f"{XCAT_PAPER}, section 3",
    "inferred",
    "conv2 C->27 with ReLU, conv3 27->27; ReLU after both convs of a block",
    team="Aselsan Research",
    year=2022,
    recipe="xcat",
    published=(
        printed_parameters("16K", f"{XCAT_PAPER}, Table 4"),
        *report_2022(30, 29.67, 0.8651, None, 598, 30.2, 19.8, 8.59),
        *xcat_table(4, 29.88, 29.81, 320, 240),
        Figure("psnr_drop_val_db", 0.07, f"{XCAT_PAPER}, Table 4"),
        Figure("npu_nhwc_ms", 8.8, f"{XCAT_PAPER}, Table 4"),
    ),
)
no_conv2 = partial(xcat, m=4, conv2=None)
point_conv2 = Conv2d(27, kernel=1, activation="relu")
wide_conv2 = Conv2d(28, activation="relu")

TABLE_1 = (  # row, graph, change, float dB, uint8 dB, Mali ms, score
    ("A", partial(xcat), "one training stage", 29.85, 29.79, 320, 233),
    ("B", partial(xcat, mix="conv"), "1x1 conv for the cross", 29.92, 29.84, 340, 235),
    ("C", partial(xcat, mix="conv", first_kernel=3), "B, 3x3/3x3", 30.04, 29.96, 780, 121),
    ("D", partial(xcat, (28, 0), first_kernel=3), "blocks of one conv", 30.04, 29.97, 770, 124),
    ("E", partial(xcat, m=4), "four blocks", 29.98, 29.89, 370, 232),
    ("F", partial(xcat, m=4, conv2=point_conv2), "E, conv2 is 1x1", 29.82, 29.75, 300, 236),
    ("G", no_conv2, "E, conv2 removed", 29.81, 29.72, 290, 234),
    ("H", partial(no_conv2, (16, 12)), "G, split 16/12", 29.87, 29.76, 300, 238),
    ("I", partial(no_conv2, (7, 21)), "G, split 7/21", 30.03, 29.88, 520, 163),
    ("J", partial(no_conv2, (7, 21), first_kernel=3), "I, 3x3/3x3", 30.04, 29.87, 550, 152),
    ("K", partial(no_conv2, (7, 21), m=3), "I, three blocks", 29.95, 29.81, 430, 179),
    ("L", partial(no_conv2, (16, 4)), "H, split 16/4", 29.61, 29.45, 205, 228),
    ("M", partial(no_conv2, (16, 4), join="concat"), "L, concat for add", 29.63, 29.15, 298, 103),
)
TABLE_3: tuple[tuple[int, int, int, Mix, float, float, int, int], ...] = (
    # split, m, mix, float dB, uint8 dB, Mali ms, score
    (21, 7, 2, "cross", 29.88, 29.81, 320, 240),
    (21, 7, 2, "straight", 29.87, 29.79, 320, 233),
    (21, 7, 4, "cross", 29.98, 29.89, 370, 232),
    (21, 7, 4, "straight", 29.96, 29.87, 370, 232),
    (21, 7, 8, "cross", 30.04, 29.97, 480, 200),
    (21, 7, 8, "straight", 30.01, 29.89, 480, 179),
    (21, 7, 12, "cross", 30.07, 29.97, 580, 165),
    (21, 7, 12, "straight", 30.04, 29.72, 580, 117),
    (24, 8, 6, "cross", 30.02, 29.92, 410, 218),
    (24, 8, 6, "straight", 30.01, 29.89, 410, 209),
    (56, 8, 4, "cross", 30.08, 30.03, 620, 168),
    (56, 8, 4, "straight", 30.04, 29.99, 620, 159),
)

ENTRIES = (
    XCAT,
    XCAT.variant("XCAT-readA", partial(xcat, conv2=wide_conv2), "conv2 C->C, conv3 C->27"),
    XCAT.variant("XCAT-readC", partial(xcat, conv2=wide_conv2), "conv2 C->28, conv3 28->27"),
    *(
        XCAT.variant(
            f"XCAT-{row}", build, change, xcat_table(1, *figures), source=f"{XCAT_PAPER}, Table 1"
        )
        for row, build, change, *figures in TABLE_1
    ),
    *(
        XCAT.variant(
            f"XCAT-T3-{x}_{y}-m{m}-{mix}",
            partial(xcat, (x, y), m, mix),
            f"split {x}/{y}, {m} blocks, {mix} concatenation",
            xcat_table(3, *figures),
            source=f"{XCAT_PAPER}, Table 3",
        )
        for x, y, m, mix, *figures in TABLE_3
    ),
)
