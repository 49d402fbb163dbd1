"""Challenge networks of 2022 that join branches of features by concatenation or addition."""

from functools import partial
from typing import Literal

from nas.graph import Add, Concat, Conv2d, DepthToSpace, Graph, GraphBuilder
from nas.graph.blocks import relu_convs, tail
from nas.zoo.anchored import COPIES
from nas.zoo.entry import Entry
from nas.zoo.figures import REPORT_2022, report_2022

__all__ = ["ENTRIES"]


def scsrn(*fusion: Conv2d) -> Graph:
    """The RGB input is concatenated to the last features, then fused."""
    g = GraphBuilder(channels=3)
    body = relu_convs(32, 5, form="rep_block", expansion=8)  # 256 channels inside
    x = g.chain(g.input, *relu_convs(32), *body)
    x = g.chain(g.append(Concat(), x, g.input), *fusion)
    return g.graph(tail(g, x, scale=3, clip="before"))


def antins_cv(left: Conv2d, right: Conv2d) -> Graph:
    """Two branches of two convs, which end in `left` and `right`, added in feature space."""
    g = GraphBuilder(channels=3)
    head = g.chain(g.input, *relu_convs(24))
    ends = [g.chain(head, *relu_convs(24), end) for end in (left, right)]
    return g.graph(g.chain(g.append(Add(), *ends), Conv2d(27), DepthToSpace(3)))


def gen_media(joined: Literal["rgb and head", "copies"]) -> Graph:
    """The trunk and what skips it are concatenated before a 1x1 conv."""
    g = GraphBuilder(channels=3)
    head = g.chain(g.input, *relu_convs(28))
    x = g.chain(head, *relu_convs(28, 4), *relu_convs(27), Conv2d(27))
    skips = (g.input, head) if joined == "rgb and head" else (g.append(COPIES, g.input),)
    x = g.append(Conv2d(27, kernel=1), g.append(Concat(), x, *skips))
    return g.graph(tail(g, x, scale=3, clip="before"))


def bilibili() -> Graph:
    """Two heads mixed by a 1x1 conv, a residual in feature space, and the anchor."""
    g = GraphBuilder(channels=3)
    anchor = g.append(COPIES, g.input)
    heads = [g.append(Conv2d(28, activation="relu"), g.input) for _ in range(2)]
    mix = g.append(Conv2d(28, kernel=1, activation="relu"), g.append(Concat(), *heads))
    x = g.chain(mix, *relu_convs(28, 6))
    x = g.append(Conv2d(27), g.append(Add(), x, mix))
    return g.graph(tail(g, x, scale=3, clip="after", add=anchor))


def mobile_sr(width: int = 26) -> Graph:
    """A module of two convs, four more with a residual in feature space, and the anchor."""
    g = GraphBuilder(channels=3)
    anchor = g.append(COPIES, g.input)
    early = g.chain(g.input, *relu_convs(width, 2))
    x = g.chain(early, *relu_convs(width, 8))
    x = g.append(Conv2d(27), g.append(Add(), x, early))
    return g.graph(tail(g, x, scale=3, clip="after", add=anchor))


SCSRN = Entry(
    "SCSRN",
    partial(scsrn, Conv2d(27)),
    f"{REPORT_2022}, section 4.1",
    "inferred",
    "how the concatenated RGB is fused is open; the blocks are those of the authors' later code",
    team="Z6",
    year=2022,
    recipe="scsrn",
    published=report_2022(67, 30.03, 0.8738, 0.06, 809, 19.2, 42.1, 22.22),
)
ANTINS = Entry(
    "Antins_cv",
    partial(antins_cv, Conv2d(24, activation="relu"), Conv2d(24)),
    f"{REPORT_2022}, section 4.7",
    "inferred",
    "width, the place of the sixth conv and which tensor is clipped are open",
    team="Antins_cv",
    year=2022,
    recipe="antins_cv",
    published=report_2022(38, 29.58, 0.8609, None, 543, 15.2, 35.7, 15.02),
)
GEN_MEDIA = Entry(
    "GenMedia-SkipSkip",
    partial(gen_media, "rgb and head"),
    f"{REPORT_2022}, section 4.8",
    "inferred",
    "which tensors are concatenated is open",
    team="GenMedia Group",
    year=2022,
    recipe="genmedia",
    published=report_2022(56, 29.9, 0.8704, 0.11, 855, 25.6, 33.4, 13.91),
)

BILIBILI = Entry(
    "BilibiliAI",
    bilibili,
    f"{REPORT_2022}, section 4.23",
    "inferred",
    "width, number of middle convs and ends of the skip are open; 28 and six meet the file size",
    team="Bilibili AI",
    year=2022,
    recipe="bilibili-ai",
    published=report_2022(75, 29.99, 0.8729, None, 1075, 68.2, 15.8, 5.92),
)
MOBILE_SR = Entry(
    "MobileSR-CDFM",
    partial(mobile_sr),
    f"{REPORT_2022}, section 4.24",
    "inferred",
    "width is open; 26 meets the file size",
    team="MobileSR",
    year=2022,
    recipe="mobilesr",
    published=report_2022(82, 30.02, 0.8735, 0.07, 1057, 72.4, 14.6, 5.82),
)

ENTRIES = (
    SCSRN,
    SCSRN.variant(
        "SCSRN-1x1fuse",
        partial(scsrn, Conv2d(32, kernel=1), Conv2d(27)),
        "fused by a 1x1 conv first, as in the authors' later code",
    ),
    ANTINS,
    ANTINS.variant(
        "Antins_cv-27branch",
        partial(antins_cv, Conv2d(27, activation="relu"), Conv2d(27)),
        "branches of 27 channels",
    ),
    GEN_MEDIA,
    GEN_MEDIA.variant(
        "GenMedia-x9concat", partial(gen_media, "copies"), "trunk and nine copies concatenated"
    ),
    BILIBILI,
    MOBILE_SR,
    MOBILE_SR.variant(
        "MobileSR-CDFM-c28", partial(mobile_sr, 28), "ABPN's width; its file is larger"
    ),
)
