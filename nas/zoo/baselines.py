"""Networks that the papers compare with, at x3 and with RGB in and out."""

from functools import partial

from nas.graph import (
    Add,
    Concat,
    Conv2d,
    DepthToSpace,
    GlobalAveragePool,
    Graph,
    GraphBuilder,
    LeakyRelu,
    Multiply,
    Op,
    Prelu,
    ResizeBicubic,
    Sigmoid,
    Slice,
    Tanh,
    TransposedConv2d,
)
from nas.graph.blocks import relu_convs, residual
from nas.zoo.entry import Entry
from nas.zoo.figures import XCAT_PAPER, XLSR_PAPER, Figure, printed_parameters, xcat_table

__all__ = ["ENTRIES"]

LEAKY = LeakyRelu(0.05)
_SCORED = "its score in the XCAT paper follows from the figure of the XLSR paper, not from this"


def fsrcnn(wide: int = 56, narrow: int = 12, maps: int = 4) -> Graph:
    """Shrink, map, expand, and a transposed convolution."""
    g = GraphBuilder(channels=3)
    convs = (
        Conv2d(wide, kernel=5),
        Conv2d(narrow, kernel=1),
        *[Conv2d(narrow)] * maps,
        Conv2d(wide, kernel=1),
    )
    body: list[Op] = [op for conv in convs for op in (conv, Prelu())]
    return g.graph(g.chain(g.input, *body, TransposedConv2d(3, kernel=9, stride=3)))


def espcn() -> Graph:
    """Three convs with tanh between them."""
    g = GraphBuilder(channels=3)
    body = (Conv2d(64, kernel=5), Tanh(), Conv2d(32), Tanh(), Conv2d(27))
    return g.graph(g.chain(g.input, *body, DepthToSpace(3)))


def vdsr() -> Graph:
    """Twenty convs on the enlarged image."""
    g = GraphBuilder(channels=3)
    image = g.append(ResizeBicubic(3), g.input)
    return g.graph(residual(g, image, *relu_convs(64, 19), Conv2d(3)))


def imd_module(g: GraphBuilder, x: int, *, width: int, kept: int) -> int:
    """Keeps some channels of each conv, weighs all that was kept, and adds the input."""
    rest, distilled = x, []
    for _ in range(3):
        features = g.chain(rest, Conv2d(width), LEAKY)
        distilled.append(g.append(Slice(0, kept), features))
        rest = g.append(Slice(kept, width - kept), features)
    joined = g.append(Concat(), *distilled, g.append(Conv2d(kept), rest))
    squeeze = Conv2d(width // 16, kernel=1, activation="relu")
    weights = g.chain(joined, GlobalAveragePool(), squeeze, Conv2d(width, kernel=1), Sigmoid())
    fused = g.append(Conv2d(width, kernel=1), g.append(Multiply(), joined, weights))
    return g.append(Add(), fused, x)


def imdn(width: int = 64, modules: int = 6) -> Graph:
    """Modules of information multi-distillation, all their results fused."""
    g = GraphBuilder(channels=3)
    head = g.append(Conv2d(width), g.input)
    x, found = head, []
    for _ in range(modules):
        x = imd_module(g, x, width=width, kept=16)
        found.append(x)
    fused = g.chain(g.append(Concat(), *found), Conv2d(width, kernel=1), LEAKY, Conv2d(width))
    return g.graph(g.chain(g.append(Add(), fused, head), Conv2d(27), DepthToSpace(3)))


def edsr_x3(width: int = 256, blocks: int = 32) -> Graph:
    """Residual blocks, a skip over all of them, then one upsampling step."""
    g = GraphBuilder(channels=3)
    head = g.append(Conv2d(width), g.input)
    x = head
    for _ in range(blocks):
        x = residual(g, x, *relu_convs(width), Conv2d(width))
    x = g.append(Add(), g.append(Conv2d(width), x), head)
    return g.graph(g.chain(x, Conv2d(9 * width), DepthToSpace(3), Conv2d(3)))


ENTRIES = (
    Entry(
        "FSRCNN-RGBx3",
        partial(fsrcnn),
        f"{XLSR_PAPER}, Tables 1, 4, 5; {XCAT_PAPER}, Tables 2, 4",
        "exact",
        "whether the uint8 figures are with PReLU or ReLU, with or without a clip, is open",
        team="baseline",
        year=2016,
        recipe="baseline",
        published=(
            printed_parameters("25K", f"{XLSR_PAPER}, Table 1"),
            Figure("psnr_uint8_val_db", 21.95, f"{XLSR_PAPER}, Table 5"),
            Figure("psnr_uint8_val_xcat_db", 18.52, f"{XCAT_PAPER}, Table 4", doubt=_SCORED),
            *xcat_table(4, 29.67, None, 485, 0.003),
        ),
    ),
    Entry(
        "ESPCN-RGBx3",
        espcn,
        f"{XLSR_PAPER}, Tables 1, 4, 5; {XCAT_PAPER}, Tables 2, 4",
        "exact",
        "public code ends in a sigmoid; what the authors' own training had is open",
        team="baseline",
        year=2016,
        recipe="baseline",
        published=(
            printed_parameters("31K", f"{XLSR_PAPER}, Table 1"),
            Figure("psnr_uint8_val_db", 23.93, f"{XLSR_PAPER}, Table 5"),
            Figure("psnr_uint8_val_xcat_db", 17.5, f"{XCAT_PAPER}, Table 4", doubt=_SCORED),
            *xcat_table(4, 29.54, None, 363, 0.061),
        ),
    ),
    Entry(
        "VDSR-RGBx3",
        vdsr,
        f"{XLSR_PAPER}, Tables 1, 4",
        "exact",
        team="baseline",
        year=2016,
        recipe="baseline",
        published=(
            printed_parameters("668K", f"{XLSR_PAPER}, Table 1"),
            Figure("psnr_float_val_db", 30.09, f"{XLSR_PAPER}, Table 4"),
        ),
    ),
    Entry(
        "IMDN-x3",
        partial(imdn),
        f"{XLSR_PAPER}, Tables 1, 4",
        "inferred",
        "the canonical network; which one the paper means with 500K is open",
        team="baseline",
        year=2019,
        recipe="baseline",
        published=(
            printed_parameters(
                "500K",
                f"{XLSR_PAPER}, Table 1",
                doubt="the canonical network has 703K, as its own paper prints",
            ),
        ),
    ),
    Entry(
        "EDSR-x3",
        partial(edsr_x3),
        f"{XLSR_PAPER}, Tables 1, 4",
        "exact",
        "without the residual scale of 0.1 and the mean shift",
        team="baseline",
        year=2017,
        recipe="baseline",
        published=(
            printed_parameters("43M", f"{XLSR_PAPER}, Table 1"),
            Figure("psnr_float_val_db", 31.26, f"{XLSR_PAPER}, Table 4"),
        ),
    ),
)
