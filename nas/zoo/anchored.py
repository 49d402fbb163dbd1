"""ABPN and its descendants: an upsampled image is added to what the trunk makes.

Sources: Mobile AI 2021 report (CVPR workshops 2021), section 4.2, for ABPN; Mobile AI & AIM 2022
report (arXiv:2211.05910), section 4, for the others, with widths that meet the file sizes.
"""

from functools import partial
from typing import Literal

from nas.graph import Add, Concat, Conv2d, DepthToSpace, Graph, GraphBuilder, Relu
from nas.graph.blocks import Anchor, anchor, plain_trunk, tail
from nas.zoo.entry import Entry

__all__ = ["ENTRIES"]

REPORT = "Mobile AI & AIM 2022 report (arXiv:2211.05910), section"


def anchored(
    kind: Anchor, *widths: int, last_kernel: int = 3, end: Literal["clip", "relu"] = "clip"
) -> Graph:
    """A trunk of convs of `widths`, the last one linear, plus an anchor; clip at high resolution.

    Networks with `end="relu"` rely on the uint8 output for the upper clip and rectify before
    depth-to-space.
    """
    g = GraphBuilder(channels=3)
    image = anchor(g, kind, scale=3)
    x = plain_trunk(g, g.input, *widths[:-1], last="relu")
    x = g.append(Conv2d(widths[-1], kernel=last_kernel), x)
    if end == "clip":
        return g.graph(tail(g, x, scale=3, clip="after", add=image))
    return g.graph(g.chain(g.append(Add(), image, x), Relu(), DepthToSpace(3)))


def bilibili() -> Graph:
    """Two heads mixed by a 1x1 conv, a residual in feature space, and the anchor."""
    g = GraphBuilder(channels=3)
    image = anchor(g, "copies", scale=3)
    heads = [g.append(Conv2d(28, activation="relu"), g.input) for _ in range(2)]
    mix = g.append(Conv2d(28, kernel=1, activation="relu"), g.append(Concat(), *heads))
    x = plain_trunk(g, mix, *[28] * 6, last="relu")
    x = g.append(Conv2d(27), g.append(Add(), x, mix))
    return g.graph(tail(g, x, scale=3, clip="after", add=image))


def mobile_sr() -> Graph:
    """A long residual in feature space, and the anchor."""
    g = GraphBuilder(channels=3)
    image = anchor(g, "copies", scale=3)
    early = plain_trunk(g, g.input, 26, 26, last="relu")
    x = plain_trunk(g, early, *[26] * 8, last="relu")
    x = g.append(Conv2d(27), g.append(Add(), x, early))
    return g.graph(tail(g, x, scale=3, clip="after", add=image))


abpn = partial(anchored, "copies", 28, 28, 28, 28, 28, 27, 27)

ENTRIES = (
    Entry("ABPN", abpn, "Mobile AI 2021 report, section 4.2", "exact"),
    Entry(
        "Vccip-DBRepNet",
        partial(anchored, "nearest_conv", *[28] * 7, 27),
        f"{REPORT} 4.9",
        "inferred",
    ),
    Entry(
        "NCNet",
        partial(anchored, "nearest_conv", *[32] * 5, 27, 27),
        f"{REPORT} 4.10",
        "exact",
    ),
    Entry(
        "DoubleZ",
        partial(anchored, "conv", *[28] * 6, 27, 27, end="relu"),
        f"{REPORT} 4.11",
        "inferred",
    ),
    Entry(
        "JeremyKwon",
        partial(anchored, "conv", *[28] * 4, 27, 27, end="relu"),
        f"{REPORT} 4.12",
        "inferred",
    ),
    Entry("Lab216", partial(anchored, "conv", *[32] * 7, 27), f"{REPORT} 4.13", "inferred"),
    Entry("TOVB-RBPN", abpn, f"{REPORT} 4.14", "inferred"),
    Entry("ABPN++", abpn, f"{REPORT} 4.15", "exact"),
    Entry(
        "Rtsisr2022", partial(anchored, "copies", *[32] * 5, 27, 27), f"{REPORT} 4.16", "inferred"
    ),
    Entry("Klab_SR", partial(anchored, "copies", *[20] * 7, 27, 27), f"{REPORT} 4.18", "inferred"),
    Entry(
        "ACSR",
        partial(anchored, "copies", *[28] * 12, 27, last_kernel=5),
        f"{REPORT} 4.19",
        "inferred",
    ),
    Entry("ICL", abpn, f"{REPORT} 4.21", "exact"),
    Entry(
        "JustATry-c12", partial(anchored, "copies", *[12] * 5, 27, 27), f"{REPORT} 4.22", "inferred"
    ),
    Entry("BilibiliAI", bilibili, f"{REPORT} 4.23", "inferred"),
    Entry("MobileSR-CDFM", mobile_sr, f"{REPORT} 4.24", "inferred"),
)
