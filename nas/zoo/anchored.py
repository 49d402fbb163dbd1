"""ABPN and its descendants: an upsampled image is added to what the trunk makes.

Those trained in a form other than plain convolutions are in `rep`.
"""

from functools import partial
from typing import Literal

from nas.graph import (
    Add,
    Conv2d,
    DepthToSpace,
    Graph,
    GraphBuilder,
    NearestConv2d,
    Op,
    Relu,
    Repeat,
)
from nas.graph.blocks import relu_convs, tail
from nas.zoo.entry import Entry
from nas.zoo.figures import (
    REPORT_2021,
    REPORT_2022,
    XCAT_PAPER,
    Figure,
    printed_parameters,
    report_2021,
    report_2022,
    xcat_table,
)

__all__ = ["COPIES", "ENTRIES", "FIXED", "anchored"]

COPIES = Repeat(9)  # nine copies of RGB: nearest-neighbour upsampling before depth-to-space
FIXED = NearestConv2d(3)  # the same as a frozen 1x1 conv, which NPUs run faster


def anchored(image: Op, *trunk: Conv2d, end: Literal["clip", "relu"] = "clip") -> Graph:
    """`image`, made from the input, plus a trunk; clip at high resolution.

    Networks with `end="relu"` rely on the uint8 output for the upper clip and rectify before
    depth-to-space.
    """
    g = GraphBuilder(channels=3)
    anchor = g.append(image, g.input)
    x = g.chain(g.input, *trunk)
    if end == "clip":
        return g.graph(tail(g, x, scale=3, clip="after", add=anchor))
    return g.graph(g.chain(g.append(Add(), anchor, x), Relu(), DepthToSpace(3)))


def abpn_trunk(width: int = 28, times: int = 5) -> tuple[Conv2d, ...]:
    """`times` convs of `width`, one to the output width, and one of it without ReLU."""
    return (*relu_convs(width, times), *relu_convs(27), Conv2d(27))


ABPN = Entry(
    "ABPN",
    partial(anchored, COPIES, *abpn_trunk()),
    f"{REPORT_2021}, section 4.2",
    "exact",
    "the text lists five conv+ReLU and one conv; the released network has six and one",
    team="MCG",
    year=2021,
    recipe="abpn",
    published=(
        printed_parameters("42.54K", f"{REPORT_2021}, section 4.2"),
        *report_2021(53, 29.87, 0.8686, None, None, 998, 36.89, 27, 92.72),
        Figure("score_2022", 9.27, f"{REPORT_2022}, Table 1"),
        *xcat_table(4, 30.22, None, 600, 188),
        Figure("psnr_ptq_val_db", 30.09, f"{XCAT_PAPER}, Table 4"),
        Figure("psnr_qat_val_db", 30.15, f"{REPORT_2021}, section 4.2"),
    ),
)
ABPN_PLUS = Entry(
    "ABPN++",
    ABPN.build,
    f"{REPORT_2022}, section 4.15",
    "exact",
    team="Samsung Research",
    year=2022,
    recipe="samsung-research",
    published=report_2022(57, 29.95, 0.8728, 0.1, 941, 43.2, 21.8, 8.84),
)
NCNET = Entry(
    "NCNet",
    partial(anchored, FIXED, *abpn_trunk(32)),
    f"{REPORT_2022}, section 4.10",
    "exact",
    "the text says seven convs of 32; the last two are 27 wide in the released code",
    team="MegSR",
    year=2022,
    recipe="megsr",
    published=(
        *report_2022(65, 29.94, 0.8704, None, 965, 29.8, 32.4, 12.65),
        printed_parameters("52,279", f"{REPORT_2022}, section 4.10"),
        Figure("psnr_float_val_db", 30.27, f"{REPORT_2022}, section 4.10"),
    ),
)
DOUBLE_Z = Entry(
    "DoubleZ",
    partial(anchored, Conv2d(27), *abpn_trunk(times=6), end="relu"),
    f"{REPORT_2022}, section 4.11",
    "inferred",
    "anchor kernel, width, depth and the order of ReLU and depth-to-space are open",
    team="DoubleZ",
    year=2022,
    recipe="doublez",
    published=report_2022(63, 29.94, 0.8712, 0.1, 990, 30.1, 32.9, 12.54),
)
JEREMY_KWON = Entry(
    "JeremyKwon",
    partial(anchored, Conv2d(27), *abpn_trunk(times=4), end="relu"),
    f"{REPORT_2022}, section 4.12",
    "inferred",
    "DoubleZ with two convs fewer, by file size and time",
    team="Jeremy Kwon",
    year=2022,
    recipe="jeremy-kwon",
    published=report_2022(48, 29.8, 0.8691, 0.09, 782, 25.7, 30.4, 12.09),
)
LAB216 = Entry(
    "Lab216",
    partial(anchored, Conv2d(27), *relu_convs(32, 7), Conv2d(27)),
    f"{REPORT_2022}, section 4.13",
    "inferred",
    "width and clip are open; seven conv-ReLU of 32 and one conv meet the file size",
    team="Lab216",
    year=2022,
    recipe="lab216",
    published=report_2022(78, 29.94, 0.8728, 0, 1110, 31.8, 34.9, 11.85),
)
KLAB = Entry(
    "Klab_SR",
    partial(anchored, COPIES, *abpn_trunk(20, 7)),
    f"{REPORT_2022}, section 4.18",
    "inferred",
    "nine convs as in the text; the published file is smaller than this makes",
    team="Klab_SR",
    year=2022,
    recipe="klab_sr",
    published=report_2022(39, 29.88, 0.87, None, 850, 43.1, 19.7, 8.05),
)
JUST_A_TRY = Entry(
    "JustATry-c12",
    partial(anchored, COPIES, *abpn_trunk(12)),
    f"{REPORT_2022}, section 4.22",
    "inferred",
    "12 channels as in the text; the published file and CPU time fit 20",
    team="Just A try",
    year=2022,
    recipe="just-a-try",
    published=report_2022(39, 29.75, 0.8671, None, 766, 42.9, 17.9, 6.76),
)
ENTRIES = (
    ABPN,
    ABPN_PLUS,
    NCNET,
    DOUBLE_Z,
    DOUBLE_Z.variant(
        "DoubleZ-c32",
        partial(anchored, Conv2d(27, kernel=1), *abpn_trunk(32), end="relu"),
        "seven convs of 32 and a 1x1 anchor",
    ),
    JEREMY_KWON,
    LAB216,
    LAB216.variant(
        "Lab216-27tail",
        partial(anchored, Conv2d(27), *abpn_trunk(32, 6)),
        "the seventh conv-ReLU is 27 wide already",
    ),
    KLAB,
    KLAB.variant(
        "Klab_SR-8conv",
        partial(anchored, COPIES, *relu_convs(20, 7), Conv2d(27)),
        "eight convs, none of 27 to 27, which meets the file size",
    ),
    JUST_A_TRY,
    JUST_A_TRY.variant(
        "JustATry-c20",
        partial(anchored, COPIES, *abpn_trunk(20)),
        "the width that meets the file size",
    ),
)
