"""XLSR (Ayazoglu 2021), the winner of Mobile AI 2021."""

from functools import partial

from nas.graph import Concat, Conv2d, Graph, GraphBuilder
from nas.graph.blocks import tail
from nas.zoo.entry import Entry

__all__ = ["ENTRIES"]


def xlsr(gblocks: int = 3) -> Graph:
    """Four shallow heads, group-convolution blocks, and a shallow conv of the image at the end."""
    g = GraphBuilder(channels=3)
    heads = [g.append(Conv2d(8, activation="relu"), g.input) for _ in range(4)]
    x = g.chain(g.append(Concat(), *heads), Conv2d(32, kernel=1))
    for _ in range(gblocks):
        x = g.chain(x, Conv2d(32, groups=4, activation="relu"), Conv2d(32, kernel=1))
    skip = g.append(Conv2d(16), g.input)
    joined = g.append(Concat(), x, skip)
    x = g.chain(joined, Conv2d(32, kernel=1, activation="relu"), Conv2d(27))
    return g.graph(tail(g, x, scale=3, clip="before"))


ENTRIES = (Entry("XLSR", partial(xlsr), "Ayazoglu 2021 (arXiv:2105.10288), section 3", "exact"),)
