"""Challenge networks of 2022 without an added image: a trunk of 3x3 convs, and little more.

Source: Mobile AI & AIM 2022 report (arXiv:2211.05910), section 4; widths and depths that the text
leaves open are those that meet the published file size.
"""

from functools import partial

from nas.graph import Add, Concat, Conv2d, DepthToSpace, Graph, GraphBuilder, Relu
from nas.graph.blocks import plain_trunk, tail
from nas.zoo.entry import Entry

__all__ = ["ENTRIES"]

REPORT = "Mobile AI & AIM 2022 report (arXiv:2211.05910), section"


def plain(width: int, convs: int, *, clip: bool = True) -> Graph:
    """`convs` 3x3 convolutions, the last to 27 channels."""
    g = GraphBuilder(channels=3)
    x = plain_trunk(g, g.input, *[width] * (convs - 1), 27, last="none")
    if clip:
        return g.graph(tail(g, x, scale=3, clip="before"))
    return g.graph(g.append(DepthToSpace(3), x))


def pure_conv_sr() -> Graph:
    """RGB carried through every conv, both ends of the clip as a conv with ReLU."""
    g = GraphBuilder(channels=3)
    x = plain_trunk(g, g.input, 32, 32, 32, 32, 27, last="relu")
    ends = (Conv2d(27, kernel=1, activation="relu"), DepthToSpace(3))
    return g.graph(g.chain(x, *ends))


def scsrn() -> Graph:
    """The RGB input is concatenated to the last features."""
    g = GraphBuilder(channels=3)
    x = plain_trunk(g, g.input, *[32] * 6, last="relu")
    x = g.append(Conv2d(27), g.append(Concat(), x, g.input))
    return g.graph(tail(g, x, scale=3, clip="before"))


def antins_cv() -> Graph:
    """Two branches of two convs, added in feature space."""
    g = GraphBuilder(channels=3)
    head = g.append(Conv2d(24, activation="relu"), g.input)
    left = plain_trunk(g, head, 24, 24, last="relu")
    right = plain_trunk(g, head, 24, 24, last="none")
    added = g.append(Add(), left, right)
    return g.graph(g.chain(added, Conv2d(27), DepthToSpace(3)))


def gen_media() -> Graph:
    """Trunk, RGB and head features concatenated before a 1x1 conv."""
    g = GraphBuilder(channels=3)
    head = g.append(Conv2d(28, activation="relu"), g.input)
    x = plain_trunk(g, head, 28, 28, 28, 28, 27, 27, last="none")
    x = g.append(Conv2d(27, kernel=1), g.append(Concat(), x, g.input, head))
    return g.graph(tail(g, x, scale=3, clip="before"))


def rep_gsr() -> Graph:
    """Ghost blocks: half the features from a conv, the other half from a conv of the first."""
    g = GraphBuilder(channels=3)
    x = g.append(Conv2d(28, activation="relu"), g.input)
    for _ in range(8):
        primary = g.append(Conv2d(14), x)
        ghost = g.append(Conv2d(14), primary)
        x = g.chain(g.append(Concat(), primary, ghost), Relu())
    return g.graph(g.chain(x, Conv2d(27), DepthToSpace(3)))


ENTRIES = (
    Entry("SCSRN", scsrn, f"{REPORT} 4.1", "inferred"),
    Entry("RPQ", partial(plain, 35, 5), f"{REPORT} 4.2", "stand-in", "pruned widths unknown"),
    Entry("PureConvSR", pure_conv_sr, f"{REPORT} 4.3", "exact"),
    Entry("HOPN", partial(plain, 28, 6), f"{REPORT} 4.4", "inferred"),
    Entry("BOE", partial(plain, 28, 7), f"{REPORT} 4.5", "inferred"),
    Entry("EMSRNet", partial(plain, 28, 7, clip=False), f"{REPORT} 4.6", "inferred"),
    Entry("Antins_cv", antins_cv, f"{REPORT} 4.7", "inferred"),
    Entry("GenMedia-SkipSkip", gen_media, f"{REPORT} 4.8", "inferred"),
    Entry("RepGSR", rep_gsr, f"{REPORT} 4.20", "stand-in", "ghost block assumed"),
)
