"""Channels brought to one range before rounding, without changing the function.

One int8 grid serves a whole tensor, so a channel with small values loses bits to one with large
values. ReLU is positively homogeneous: a convolution may write a channel k times larger if every
convolution that reads it divides by k. Slices and concatenations pass the factor on, as do leaky
rectifiers.

Source:
    Nagel et al. 2019 (arXiv:1906.04721), cross-layer equalisation, here with the activations seen
    on calibration images instead of weight ranges.
"""

from collections.abc import Mapping

import numpy as np

from nas.graph import (
    Concat,
    Conv2d,
    Graph,
    LeakyRelu,
    Op,
    Prelu,
    Relu,
    Slice,
    TransposedConv2d,
)
from nas.quantize.scheme import read_scheme
from nas.readers.weights import Array, Weights, conv_nodes

__all__ = ["LARGEST_FACTOR", "PER_TENSOR_FACTOR", "channel_factors", "equalize", "rescale"]

_HOMOGENEOUS = Relu | LeakyRelu | Prelu
Source = tuple[int, int] | None  # (convolution, output channel), or None: not ours to scale
LARGEST_FACTOR = 64.0  # a dead channel must not swamp the kernels that read it
PER_TENSOR_FACTOR = 8.0  # nor, where a kernel has one scale, take the bits of its neighbours


def equalize(graph: Graph, weights: Weights, peaks: Mapping[int, Array]) -> dict[str, Array]:
    """Weights of the same function whose channels use their common grid alike.

    Args:
        graph: The network.
        weights: As trained.
        peaks: For each node the largest magnitude of each channel on calibration images.
    """
    return rescale(graph, weights, channel_factors(graph, peaks))


def channel_factors(
    graph: Graph, peaks: Mapping[int, Array], *, largest: float = LARGEST_FACTOR
) -> dict[int, Array]:
    """How many times larger each channel becomes, of the nodes that hold such channels.

    Args:
        graph: The network.
        peaks: For each node the largest magnitude of each channel on calibration images.
        largest: Limit of a factor and of its inverse.
    """
    sources = _sources(graph)
    group = read_scheme(graph).group
    fixed: dict[int, float] = {}  # peak of a group that cannot be scaled, as where the image enters
    free: dict[int, float] = {}
    for position in range(len(graph.nodes)):
        for channel, source in enumerate(sources[position]):
            table = fixed if source is None else free
            peak = float(peaks[position][channel])
            table[group[position]] = max(table.get(group[position], 0.0), peak)
    made: dict[int, Array] = {}
    for position, _, _ in conv_nodes(graph):
        if None not in sources[position]:
            goal = fixed.get(group[position]) or free[group[position]]
            ratio = goal / np.maximum(peaks[position], 1e-6)
            ratio = np.clip(ratio, 1 / largest, largest)
            made[position] = ratio.astype(np.float32)
    return {
        position: np.array([1 if at is None else made[at[0]][at[1]] for at in held], np.float32)
        for position, held in enumerate(sources)
        if any(held)
    }


def rescale(graph: Graph, weights: Weights, factors: Mapping[int, Array]) -> dict[str, Array]:
    """Weights that write each channel so many times larger, and expect it so.

    Args:
        graph: The network.
        weights: As trained.
        factors: From `channel_factors`.
    """
    found = {name: array.copy() for name, array in weights.items()}
    for position, node in enumerate(graph.nodes):
        kernel = found.get(f"{position}/kernel")
        if kernel is None:
            continue
        if (read := factors.get(node.inputs[0])) is not None:
            kernel /= _by_input(node.op, read)
        if (written := factors.get(position)) is not None:
            kernel *= written
            if f"{position}/bias" in found:
                found[f"{position}/bias"] *= written
    return found


def _by_input(op: Op, factors: Array) -> Array:
    """Factors of what a convolution reads, in a shape that divides its kernel."""
    if not isinstance(op, Conv2d):
        return factors  # a transposed kernel has its input channels last
    return factors.reshape(op.groups, -1).repeat(op.features // op.groups, axis=0).T


def _sources(graph: Graph) -> list[list[Source]]:
    """For each node and channel: the convolution channel it holds, if it may be scaled."""
    shapes = graph.shapes(12, 12)
    found: list[list[Source]] = []
    for position, node in enumerate(graph.nodes):
        op = node.op
        inputs = [found[i] for i in node.inputs]
        if isinstance(op, Conv2d):
            free = _reaches_only_convs(graph, position)
            found.append([(position, c) if free else None for c in range(op.features)])
        elif isinstance(op, Slice):
            found.append(inputs[0][op.begin : op.begin + op.size])
        elif isinstance(op, Concat):
            found.append([source for held in inputs for source in held])
        elif isinstance(op, _HOMOGENEOUS):
            found.append(inputs[0])
        else:
            found.append([None] * shapes[position].channels)
    return found


def _reaches_only_convs(graph: Graph, position: int) -> bool:
    """Whether every way on from a node ends in a convolution, over ops that pass a factor on."""
    readers = graph.consumers[position]
    return bool(readers) and all(
        isinstance(graph.nodes[r].op, Conv2d | TransposedConv2d)
        or (
            isinstance(graph.nodes[r].op, Slice | Concat | _HOMOGENEOUS)
            and _reaches_only_convs(graph, r)
        )
        for r in readers
    )
