"""Networks whose convolutions have another form while they train, and collapse to plain ones."""

from functools import partial

from nas.graph import Add, Clip, Concat, Conv2d, DepthToSpace, Graph, GraphBuilder, Relu
from nas.graph.blocks import relu_convs, residual, tail
from nas.zoo.anchored import COPIES, FIXED, anchored
from nas.zoo.entry import Entry
from nas.zoo.figures import REPORT_2022, Figure, printed_parameters, report_2022

__all__ = ["ENTRIES"]


def rpq(width: int) -> Graph:
    """Five convs without an anchor, each a collapsible block."""
    g = GraphBuilder(channels=3)
    body = relu_convs(width, 4, form="collapsible", expansion=4)
    last = Conv2d(27, form="collapsible", expansion=4)
    return g.graph(g.chain(g.input, *body, last, Clip(), DepthToSpace(3)))


def pure_conv_sr() -> Graph:
    """RGB carried through every conv, both ends of the clip as a conv with ReLU."""
    g = GraphBuilder(channels=3)
    ends = (Conv2d(27, activation="relu"), Conv2d(27, kernel=1, activation="relu"))
    return g.graph(g.chain(g.input, *relu_convs(32, 4), *ends, DepthToSpace(3)))


def pure_conv_sr_train() -> Graph:
    """What PureConvSR is before its topology changes: ABPN with double-branch blocks.

    Written out, because the three channels that carry RGB come after the blocks collapse.
    """
    g = GraphBuilder(channels=3)
    anchor = g.append(COPIES, g.input)
    branch = (Conv2d(58), Conv2d(29, kernel=1))
    x = g.chain(g.input, *relu_convs(29))
    for _ in range(3):
        first = residual(g, x, *branch)
        x = g.chain(g.append(Add(), first, g.chain(x, *branch)), Relu())
    return g.graph(tail(g, g.append(Conv2d(27), x), scale=3, clip="after", add=anchor))


def acsr(width: int, blocks: int, expansion: int) -> Graph:
    """Residual blocks and a 5x5 reconstruction, all but the head re-parameterised."""
    body = relu_convs(width, blocks, form="rep_block", expansion=expansion)
    last = Conv2d(27, kernel=5, form="rep_block", expansion=expansion)
    return anchored(COPIES, *relu_convs(width), *body, last)


def rep_gsr() -> Graph:
    """Ghost blocks: half the features from a conv, the other half from a conv of the first."""
    g = GraphBuilder(channels=3)
    half = Conv2d(14, form="rep_block", expansion=16)
    x = g.chain(g.input, *relu_convs(28, form="rep_block", expansion=16))
    for _ in range(8):
        primary = g.append(half, x)
        x = g.chain(g.append(Concat(), primary, g.append(half, primary)), Relu())
    return g.graph(g.chain(x, Conv2d(27, form="rep_block", expansion=16), DepthToSpace(3)))


RPQ = Entry(
    "RPQ",
    partial(rpq, 35),
    f"{REPORT_2022}, section 4.2",
    "stand-in",
    "depth and pruned widths are unknown; five convs of 35 meet the file size",
    team="TCLResearchEurope",
    year=2022,
    recipe="rpq",
    published=report_2022(53, 29.88, 0.8705, 0.13, 824, 15.9, 51.8, 21.84),
)
PURE_CONV_SR = Entry(
    "PureConvSR",
    pure_conv_sr,
    f"{REPORT_2022}, section 4.3",
    "exact",
    "trains as PureConvSR-train; its topology changes before quantisation",
    team="ECNUSR",
    year=2022,
    recipe="pureconvsr",
    published=report_2022(50, 29.82, 0.8697, 0.1, 553, 15.1, 36.6, 21.08),
)
_TRIAL24 = "ECNUSR/PureConvSR-AIM2022, trial24"
VCCIP_TRUNK = (*relu_convs(28), *relu_convs(28, 6, form="dbb"), Conv2d(27))
VCCIP = Entry(
    "Vccip-DBRepNet",
    partial(anchored, FIXED, *VCCIP_TRUNK),
    f"{REPORT_2022}, section 4.9",
    "inferred",
    "width and branches of the blocks are open; the anchor is a conv by NPU time",
    team="Vccip",
    year=2022,
    recipe="vccip",
    published=report_2022(67, 29.98, 0.8729, None, 1042, 30.5, 34.2, 13.07),
)
TOVB = Entry(
    "TOVB-RBPN",
    partial(
        anchored,
        COPIES,
        *relu_convs(28, 5, form="repvgg"),
        *relu_convs(27, form="repvgg"),
        Conv2d(27, form="repvgg"),
    ),
    f"{REPORT_2022}, section 4.14",
    "inferred",
    "branches of RepConv are open, width 28 is assumed",
    team="TOVB",
    year=2022,
    recipe="tovb",
    published=report_2022(56, 30.01, 0.874, 0.04, 950, 43.3, 21.9, 9.6),
)
RTSISR = Entry(
    "Rtsisr2022",
    partial(
        anchored,
        COPIES,
        *relu_convs(32, 5, form="repvgg"),
        *relu_convs(27, form="repvgg"),
        Conv2d(27, form="repvgg"),
    ),
    f"{REPORT_2022}, section 4.16",
    "inferred",
    "branches of RepB are open",
    team="Rtsisr2022",
    year=2022,
    recipe="rtsisr2022",
    published=report_2022(68, 30.0, 0.8729, 0.09, 977, 46.4, 21.1, 8.83),
)
ACSR = Entry(
    "ACSR",
    partial(acsr, 28, 11, 9),  # 9 * 28 = 252 inside
    f"{REPORT_2022}, section 4.19",
    "inferred",
    "width, depth and the width inside a block are open; 28 x 11 meets the file size, SESR has "
    "256 inside",
    team="TCL Research HK",
    year=2022,
    recipe="tcl-research-hk",
    published=report_2022(121, 30.1, 0.8751, 0.04, 1772, 60.2, 29.4, 7.81),
)
REP_GSR = Entry(
    "RepGSR",
    rep_gsr,
    f"{REPORT_2022}, section 4.20",
    "stand-in",
    "the wiring of a ghost block is only in a figure; rep_block stands for the linear "
    "over-parameterisation of 16",
    team="RepGSR",
    year=2022,
    recipe="repgsr",
    published=report_2022(90, 30.06, 0.8739, 0.02, 1679, 61.3, 27.4, 7.26),
)
ICL = Entry(
    "ICL",
    partial(
        anchored,
        COPIES,
        *relu_convs(28),
        *relu_convs(28, 4, form="rrrb", expansion=2),
        *relu_convs(27),
        Conv2d(27),
    ),
    f"{REPORT_2022}, section 4.21",
    "exact",
    team="ICL",
    year=2022,
    recipe="icl",
    published=(
        *report_2022(55, 29.76, 0.8641, 0.23, 949, 43.2, 22.0, 6.79),
        printed_parameters("42.5K", f"{REPORT_2022}, section 4.21"),
        printed_parameters("140K", f"{REPORT_2022}, section 4.21", name="train_parameters"),
    ),
)
NOAHTCV = Entry(
    "Noahtcv",
    partial(anchored, Conv2d(27, form="kernel_network"), *relu_convs(28, 6), Conv2d(27)),
    f"{REPORT_2022}, section 4.25",
    "stand-in",
    "all widths and the kernel size of the skip are unknown; it is in no table",
    team="Noahtcv",
    year=2022,
    recipe="noahtcv",
)

ENTRIES = (
    RPQ,
    RPQ.variant("RPQ-unpruned-d5", partial(rpq, 48), "as before pruning", published=()),
    PURE_CONV_SR,
    PURE_CONV_SR.variant(
        "PureConvSR-train",
        pure_conv_sr_train,
        "what is trained before RGB is carried in three more channels",
        published=(
            Figure("psnr_float_val_db", 30.1395, _TRIAL24),
            Figure("psnr_qat_val_db", 30.0487, _TRIAL24),
        ),
    ),
    VCCIP,
    VCCIP.variant("Vccip-x9", partial(anchored, COPIES, *VCCIP_TRUNK), "ABPN's nine copies"),
    TOVB,
    RTSISR,
    ACSR,
    ACSR.variant("ACSR-32x9", partial(acsr, 32, 9, 8), "nine blocks of 32"),
    REP_GSR,
    ICL,
    NOAHTCV,
)
