"""The network that tells enlarged images from real ones while SRGAN trains."""

from nas.graph.graph import Graph, GraphBuilder
from nas.graph.ops import BatchNorm, Conv2d, GlobalAveragePool, LeakyRelu, Sigmoid

__all__ = ["discriminator"]

_LEAKY = LeakyRelu(0.2)


def discriminator() -> Graph:
    """Eight convolutions, every second one halving the size, then the probability of a real image.

    Source:
        Code of FQSR (Wang et al. 2021, arXiv:2011.14265) for its SRGAN.
    """
    g = GraphBuilder(channels=3)
    x = g.chain(g.input, Conv2d(64), _LEAKY, Conv2d(64, stride=2), BatchNorm(), _LEAKY)
    for width in (128, 256, 512):
        for stride in (1, 2):
            x = g.chain(x, Conv2d(width, stride=stride), BatchNorm(), _LEAKY)
    points = (Conv2d(1024, kernel=1), _LEAKY, Conv2d(1, kernel=1), Sigmoid())
    return g.graph(g.chain(x, GlobalAveragePool(), *points))
