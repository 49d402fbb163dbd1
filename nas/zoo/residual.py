"""The other networks of Mobile AI 2021: residual blocks, and a plain net trained as RepVGG."""

from functools import partial

from nas.graph import (
    Add,
    Clip,
    Concat,
    Conv2d,
    DepthToSpace,
    Graph,
    GraphBuilder,
    Multiply,
    ResizeNearest,
    Sigmoid,
    SpaceToDepth,
)
from nas.graph.blocks import relu_convs, residual, tail
from nas.zoo.entry import Entry
from nas.zoo.figures import REPORT_2021, XLSR_PAPER, Figure, report_2021

__all__ = ["ENTRIES"]


def residual_trunk(g: GraphBuilder, x: int, *, width: int, blocks: int) -> int:
    """A conv with ReLU, then blocks x + conv(relu(conv(x)))."""
    x = g.chain(x, *relu_convs(width))
    for _ in range(blocks):
        x = residual(g, x, *relu_convs(width), Conv2d(width))
    return x


def tiny_sr_net(skip_kernel: int) -> Graph:
    """Blocks at half the resolution, and one conv of the same input around them."""
    g = GraphBuilder(channels=3)
    small = g.append(SpaceToDepth(2), g.input)
    skip = g.append(Conv2d(108, kernel=skip_kernel), small)
    x = g.append(Conv2d(108), residual_trunk(g, small, width=32, blocks=3))
    return g.graph(tail(g, x, scale=6, clip="after", add=skip))


def fast_sr() -> Graph:
    """Blocks at full resolution; the enlarged image is added at the high resolution."""
    g = GraphBuilder(channels=3)
    image = g.append(ResizeNearest(3), g.input)
    x = residual_trunk(g, g.input, width=16, blocks=3)
    x = g.chain(x, Conv2d(27), DepthToSpace(3))
    return g.graph(g.chain(g.append(Add(), x, image), Clip()))


def prp_sr() -> Graph:
    """A 5x5 head and a plain body."""
    g = GraphBuilder(channels=3)
    head = Conv2d(36, kernel=5, activation="relu")
    body = relu_convs(36, 5, form="repvgg")
    return g.graph(g.chain(g.input, head, *body, Conv2d(27), Clip(), DepthToSpace(3)))


def edsr_attention(width: int = 64, blocks: int = 6) -> Graph:
    """Blocks whose results are weighed pixel by pixel, all of them fused by a 1x1 conv."""
    g = GraphBuilder(channels=3)
    head = g.append(Conv2d(width), g.input)
    x, found = head, []
    for _ in range(blocks):
        x = residual(g, x, *relu_convs(width), Conv2d(width))
        weights = g.chain(x, *relu_convs(width), Conv2d(width), Sigmoid())
        x = g.append(Multiply(), x, weights)
        found.append(x)
    fused = g.chain(g.append(Concat(), *found), Conv2d(width, kernel=1), Conv2d(width))
    x = g.append(Conv2d(27), g.append(Add(), fused, head))
    return g.graph(tail(g, x, scale=3, clip="after"))


TINY = Entry(
    "TinySRNet",
    partial(tiny_sr_net, 1),
    f"{REPORT_2021}, section 4.3",
    "inferred",
    "width, space-to-depth factor, skip kernel and places of ReLU and clip are open",
    team="Noah_TerminalVision",
    year=2021,
    recipe="noah_terminalvision",
    published=report_2021(109, 29.41, 0.8537, 0.33, 0.0142, 668, 38.32, 17.4, 47.18),
)

ENTRIES = (
    TINY,
    TINY.variant("TinySRNet-skip3x3", partial(tiny_sr_net, 3), "a 3x3 skip conv"),
    Entry(
        "FastSR",
        fast_sr,
        f"{REPORT_2021}, section 4.4",
        "inferred",
        "width and number of blocks are taken from its likeness to TinySRNet and the file size",
        team="ALONG",
        year=2021,
        recipe="along",
        published=report_2021(30, 29.52, 0.8607, None, None, 951, 62.25, 15.3, 33.82),
    ),
    Entry(
        "PRPSR",
        prp_sr,
        f"{REPORT_2021}, section 4.5",
        "inferred",
        "width by file size; whether the first and last conv have the form too is open",
        team="EmbeddedAI",
        year=2021,
        recipe="embeddedai",
        published=report_2021(82, 28.82, 0.8428, 0.15, 0.0119, 1224, 76.61, 16, 10.41),
    ),
    Entry(
        "mju_gogogo-EDSRatt",
        partial(edsr_attention),
        f"{REPORT_2021}, section 4.6",
        "stand-in",
        "the attention unit is not described; two 3x3 convs overshoot the file size by 4 %",
        team="mju_gogogo",
        year=2021,
        recipe="mju_gogogo",
        published=(
            *report_2021(940, 28.92, 0.8486, None, None, None, 718, None, 1.28),
            Figure("npu_xlsr_ms", 718.32, f"{XLSR_PAPER}, table of the challenge"),
        ),
    ),
)
