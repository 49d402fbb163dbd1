"""Post-training quantisation of a trained network.

By default channels are equalised and ranges of least squared error taken; then each convolution is
solved again, so that from what it reads in the quantised network it writes what it writes in the
float network, and is rounded with error feedback. The result is float weights: whoever rounds them
gets the simulated network.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from nas.graph import Clip, Graph, Relu, TransposedConv2d
from nas.quantize.calibration import Images, batches, calibrate, observe
from nas.quantize.equalize import (
    LARGEST_FACTOR,
    PER_TENSOR_FACTOR,
    channel_factors,
    rescale,
)
from nas.quantize.linear import is_solvable
from nas.quantize.method import REFIT, Method
from nas.quantize.revise import care_of, revise, revise_conv
from nas.quantize.scheme import Grid
from nas.quantize.simulate import Simulation
from nas.quantize.tuning import output_error, tune_ranges
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
    method: Method = REFIT,
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
    readout, end = _last_conv(graph), len(graph.nodes) - 1
    keep = [end] if readout is None else [end, readout.conv, readout.added]
    extremes, outputs = observe(graph, weights, images, keep=keep)
    written = _Written(images, outputs, readout)
    begin = dict(weights)
    if method.equalize:
        largest = LARGEST_FACTOR if method.per_channel else PER_TENSOR_FACTOR
        factors = channel_factors(graph, weights, extremes, largest=largest)
        begin, extremes = rescale(graph, weights, factors), extremes.scaled(factors)
    attempts = []
    for calibration in (method.calibration, *method.alternatives):
        grid = calibrate(
            graph,
            begin,
            images if representative is None else representative,
            calibration,
            bits=method.activation_bits,
            extremes=extremes if representative is None else None,
        )
        simulation = Simulation(graph, begin, grid, per_channel=method.per_channel)
        attempts.append((begin | _revised(simulation, begin, written, method), simulation))
    found, simulation = attempts[0]
    wanted = [kept[end] for kept in outputs]
    if len(attempts) > 1:
        found, simulation = min(attempts, key=lambda made: output_error(made[1], images, wanted))
    grid = simulation.grid
    if method.tune_ranges and method.activation_bits == 8:
        per_channel = method.per_channel
        grid = tune_ranges(graph, found, grid, images, wanted, per_channel=per_channel)
    return found, grid


@dataclass(frozen=True, slots=True)
class _Written:
    """What the float network writes.

    Args:
        images: For these.
        outputs: Batch by batch, by position; that of the readout and of what is added to it.
        readout: Of the network, or None.
    """

    images: Images
    outputs: Sequence[Mapping[int, Tensor]]
    readout: Readout | None


def _revised(
    simulation: Simulation, weights: Weights, written: _Written, method: Method
) -> dict[str, Array]:
    """New weights of convolutions, by name; the simulation gets them, too."""
    graph, readout = simulation.graph, written.readout
    others, care = care_of(method, readout=False), care_of(method, readout=True)
    last = () if readout is None else (readout.conv,)
    found = revise(graph, weights, simulation, written.images, care=others, but=last)
    if readout is None or care.does_nothing:
        return found
    source = graph.nodes[readout.conv].inputs[0]
    features, targets = [], []
    for batch, exact in zip(batches(written.images), written.outputs, strict=True):
        nodes = islice(walk(graph, batch, simulation.apply), max(source, readout.added or 0) + 1)
        kept = {i: y for i, y in nodes if i in (source, readout.added)}
        features.append(kept[source])
        wanted = exact[readout.conv] + added_to(readout, exact)
        targets.append(wanted - added_to(readout, kept))
    trained = to_torch(graph, weights)
    return found | revise_conv(simulation, readout.conv, trained, features, targets, care)


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
