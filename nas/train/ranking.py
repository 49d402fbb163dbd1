"""Which channels a network can do without, told by what its loss would say.

RPQ ranks channels by two layers that train behind each expanded convolution, of which its report
tells neither what they read nor what teaches them; so channels are ranked by their own gradient,
which needs no training: to first order, the loss changes by the gradient times the value where a
channel is set to zero.

Source:
    Molchanov et al. 2017 (arXiv:1611.06440), section 2.2.
"""

import torch

from nas.graph import Graph
from nas.graph.rewrites.prune import inner_convs
from nas.readers.to_torch import to_torch
from nas.readers.weights import Weights
from nas.train.solve_set import SolveSet

__all__ = ["channels_to_keep"]


def channels_to_keep(
    graph: Graph, weights: Weights, images: SolveSet | None, keep: float
) -> dict[int, list[int]]:
    """By position of each inner convolution the channels that matter most, ascending.

    Args:
        graph: The network.
        weights: Of `graph.deployed`.
        images: What the loss, the mean absolute error, is taken on. None ranks by number, for who
            only wants to know whether channels can go.
        keep: Fraction of the channels of each convolution that stays; one stays in any case.
    """
    inner = inner_convs(graph)
    order = {position: list(range(op.features)) for position, op in inner.items()}
    if images is not None:
        order = _by_importance(graph, weights, images, list(inner))
    return {
        position: sorted(order[position][: max(1, round(keep * op.features))])
        for position, op in inner.items()
    }


def _by_importance(
    graph: Graph, weights: Weights, images: SolveSet, positions: list[int]
) -> dict[int, list[int]]:
    """The channels of each convolution, the one first whose loss would cost most.

    That is the mean over images of |sum over pixels of value times gradient|.
    """
    module = to_torch(graph.deployed, weights)
    outputs = module.run(images.lr, range(len(graph.nodes)))
    values = [outputs[position] for position in positions]
    loss = (outputs[-1] - images.hr).abs().mean()
    order = {}
    for position, value, gradient in zip(
        positions, values, torch.autograd.grad(loss, values), strict=True
    ):
        importance = (value * gradient).detach().sum(dim=(2, 3)).abs().mean(dim=0)
        order[position] = importance.argsort(descending=True, stable=True).tolist()
    return order
