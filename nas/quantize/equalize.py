"""Channels brought to one range before rounding, without changing the function.

One int8 grid serves a whole tensor, so a channel with small values loses bits to one with large
values. ReLU is positively homogeneous: a convolution may write a channel k times larger if every
convolution that reads it divides by k. Slices and concatenations pass the factor on.

Source:
    Nagel et al. 2019 (arXiv:1906.04721), cross-layer equalisation, here with the activations seen
    on calibration images instead of weight ranges.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from nas.graph import Concat, Conv2d, Graph, Relu, Slice
from nas.quantize.scheme import read_scheme
from nas.readers.weights import Array, Weights, conv_nodes

__all__ = ["equalize"]

Source = tuple[int, int] | None  # (convolution, output channel), or None: not ours to scale
LARGEST_FACTOR = 64.0  # a dead channel must not swamp the kernels that read it


def equalize(graph: Graph, weights: Weights, peaks: Mapping[int, Array]) -> dict[str, Array]:
    """Weights of the same function whose channels use their common grid alike.

    Args:
        graph: The network.
        weights: As trained.
        peaks: For each node the largest magnitude of each channel on calibration images.
    """
    sources = _sources(graph)
    factors = _factors(graph, sources, peaks)
    found = {name: array.copy() for name, array in weights.items()}
    for position, op, _ in conv_nodes(graph):
        kernel = found[f"{position}/kernel"]
        if position in factors:
            kernel *= factors[position]
            if op.bias:
                found[f"{position}/bias"] *= factors[position]
        size, features = kernel.shape[2], op.features // op.groups
        for channel, source in enumerate(sources[graph.nodes[position].inputs[0]]):
            if source is not None and source[0] in factors:
                group = channel // size
                outputs = slice(group * features, (group + 1) * features)
                kernel[:, :, channel % size, outputs] /= factors[source[0]][source[1]]
    return found


def _factors(
    graph: Graph, sources: Sequence[Sequence[Source]], peaks: Mapping[int, Array]
) -> dict[int, Array]:
    group = read_scheme(graph).group
    fixed: dict[int, float] = {}  # peak of a group that cannot be scaled, as where the image enters
    free: dict[int, float] = {}
    for position in range(len(graph.nodes)):
        for channel, source in enumerate(sources[position]):
            table = fixed if source is None else free
            peak = float(peaks[position][channel])
            table[group[position]] = max(table.get(group[position], 0.0), peak)
    found: dict[int, Array] = {}
    for position, op, _ in conv_nodes(graph):
        if any(source is None for source in sources[position]):
            continue
        goal = fixed.get(group[position]) or free[group[position]]
        ratio = goal / np.maximum(peaks[position], 1e-6)
        ratio = np.clip(ratio, 1 / LARGEST_FACTOR, LARGEST_FACTOR)
        found[position] = ratio.astype(np.float32).reshape(op.features)
    return found


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
        elif isinstance(op, Relu):
            found.append(inputs[0])
        else:
            found.append([None] * shapes[position].channels)
    return found


def _reaches_only_convs(graph: Graph, position: int) -> bool:
    """Whether every way on from a node ends in a convolution, over ops that pass a factor on."""
    readers = graph.consumers[position]
    return bool(readers) and all(
        isinstance(graph.nodes[r].op, Conv2d)
        or (isinstance(graph.nodes[r].op, Slice | Concat | Relu) and _reaches_only_convs(graph, r))
        for r in readers
    )
