"""Post-training quantisation of a trained network.

By default channels are equalised and the ranges calibrated; then the readout is solved again so
that on the features of the quantised body it writes what the float network writes, and is rounded
with error feedback. The result is float weights: whoever rounds them gets the simulated network.
"""

from collections.abc import Sequence
from itertools import islice

import torch
from torch import Tensor

from nas.graph import Clip, Graph, Relu, TransposedConv2d
from nas.quantize.calibration import Images, batches, calibrate, observe
from nas.quantize.equalize import channel_factors, rescale
from nas.quantize.linear import is_solvable
from nas.quantize.method import READOUT, Method
from nas.quantize.revise import Care, care_of, revise, revise_conv
from nas.quantize.scheme import Grid
from nas.quantize.simulate import Simulation
from nas.quantize.walk import walk
from nas.readers.readout import Readout, find_readout
from nas.readers.solve import added_to
from nas.readers.to_torch import to_torch
from nas.readers.weights import Array, Weights

__all__ = ["quantize"]


@torch.no_grad()
def quantize(
    graph: Graph,
    weights: Weights,
    images: Images,
    *,
    method: Method = READOUT,
    representative: Images | None = None,
) -> tuple[dict[str, Array], tuple[Grid, ...]]:
    """Float weights to deploy, and the grid of each node.

    Args:
        graph: The network.
        weights: As trained.
        images: What the method looks at, (n, c, h, w) in 0..1: some patches of training images.
        method: What is done.
        representative: Images that set the ranges, if others than `images`.
    """
    readout = _last_conv(graph)
    wanted = () if readout is None else (readout.conv, readout.added)
    extremes, outputs = observe(graph, weights, images, keep=[i for i in wanted if i is not None])
    found = dict(weights)
    if method.equalize:
        factors = channel_factors(graph, extremes.peaks())
        found, extremes = rescale(graph, weights, factors), extremes.scaled(factors)
    grid = calibrate(
        graph,
        found,
        images if representative is None else representative,
        method.calibration,
        bits=method.activation_bits,
        extremes=extremes if representative is None else None,
    )
    simulation = Simulation(graph, found, grid, per_channel=method.per_channel)
    others = care_of(method, readout=False)
    last = () if readout is None else (readout.conv,)
    revised = revise(graph, found, simulation, images, care=others, but=last)
    if readout is not None and not (care := care_of(method, readout=True)).does_nothing:
        written = [kept[readout.conv] + added_to(readout, kept) for kept in outputs]
        revised |= _revise_readout(simulation, found, readout, images, written, care)
    return found | revised, grid


def _revise_readout(
    simulation: Simulation,
    weights: Weights,
    readout: Readout,
    images: Images,
    written: Sequence[Tensor],
    care: Care,
) -> dict[str, Array]:
    """Weights of the readout with which the quantised network comes nearest to `written`."""
    graph = simulation.graph
    source = graph.nodes[readout.conv].inputs[0]
    features, targets = [], []
    for batch, wanted in zip(batches(images), written, strict=True):
        nodes = walk(graph, batch, simulation.apply)
        kept = {
            i: y
            for i, y in islice(nodes, max(source, readout.added or 0) + 1)
            if i in (source, readout.added)
        }
        features.append(kept[source])
        targets.append(wanted - added_to(readout, kept))
    trained = to_torch(graph, weights)
    return revise_conv(simulation, readout.conv, trained, features, targets, care)


def _last_conv(graph: Graph) -> Readout | None:
    """The readout; also where that is a transposed convolution."""
    if (readout := find_readout(graph)) is not None:
        return readout if is_solvable(graph.nodes[readout.conv].op) else None
    position = len(graph.nodes) - 1
    while isinstance(graph.nodes[position].op, Clip | Relu):
        position = graph.nodes[position].inputs[0]
    op = graph.nodes[position].op
    is_linear = isinstance(op, TransposedConv2d) and is_solvable(op)
    return Readout(position, None, 1) if is_linear else None
