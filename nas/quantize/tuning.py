"""Ranges moved to where the output of the quantised network changes least."""

from collections.abc import Sequence

import torch
from torch import Tensor

from nas.graph import Graph
from nas.quantize.calibration import Images, batches
from nas.quantize.scheme import Grid, grid_of, read_scheme
from nas.quantize.simulate import Simulation
from nas.readers.weights import Weights

__all__ = ["output_error", "tune_ranges"]

FACTORS = (0.8, 0.9, 1.1)  # of a range, that are tried


def output_error(simulation: Simulation, images: Images, wanted: Sequence[Tensor]) -> float:
    """Squared difference of what a quantised network writes from what it should write.

    Args:
        simulation: The network.
        images: What it reads.
        wanted: Batch by batch; values beyond 0..1 are clipped.
    """
    pairs = zip(batches(images), wanted, strict=True)
    return float(sum((simulation(x) - y.clamp(0, 1)).square().sum() for x, y in pairs))


@torch.no_grad()
def tune_ranges(
    graph: Graph,
    weights: Weights,
    grid: Sequence[Grid],
    images: Images,
    wanted: Sequence[Tensor],
    *,
    per_channel: bool = True,
) -> tuple[Grid, ...]:
    """Grids on which the quantised network is nearer to `wanted`, or those given.

    One tensor after the other is tried with narrower ranges and a wider one.

    Args:
        graph: The network.
        weights: Float weights to deploy.
        grid: Where to begin.
        images: On which outputs are compared.
        wanted: What the float network writes for them, batch by batch.
        per_channel: Whether each output channel of a kernel has a scale of its own.
    """
    scheme = read_scheme(graph)

    def error(tried: Sequence[Grid]) -> float:
        simulation = Simulation(graph, weights, tried, per_channel=per_channel)
        return output_error(simulation, images, wanted)

    best, least = tuple(grid), error(grid)
    for group in sorted(set(scheme.group) - set(scheme.fixed)):
        now = best[scheme.group.index(group)]
        for factor in FACTORS:
            other = grid_of(now.low * factor, now.high * factor)
            members = zip(scheme.group, best, strict=True)
            tried = tuple(other if index == group else before for index, before in members)
            if (found := error(tried)) < least:
                best, least = tried, found
    return best
