"""Channels brought to one range before rounding, without changing the function.

One int8 grid serves a whole tensor, so a channel with small values loses bits to one with large
values. ReLU is positively homogeneous: a convolution may write a channel k times larger if every
convolution that reads it divides by k. Slices and concatenations pass the factor on, as do leaky
rectifiers. Where none of those is on the way, k may be negative: a linear channel that holds a
negative of the image is turned round, so that the grid needs no lower half for it.

Source:
    Nagel et al. 2019 (arXiv:1906.04721), cross-layer equalisation, here with the activations seen
    on calibration images instead of weight ranges, and with grids that are not symmetric.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
from nas.quantize.calibration import Extremes
from nas.quantize.scheme import read_scheme
from nas.readers.weights import Array, Weights

__all__ = ["LARGEST_FACTOR", "PER_TENSOR_FACTOR", "channel_factors", "rescale"]

_HOMOGENEOUS = Relu | LeakyRelu | Prelu
Source = tuple[int, int] | None  # (convolution, output channel), or None: not ours to scale
LARGEST_FACTOR = 64.0  # a dead channel must not swamp the kernels that read it
PER_TENSOR_FACTOR = 8.0  # nor, where a kernel has one scale, take the bits of its neighbours
_SHARES = np.linspace(0, 1, 33)
_BELOW = np.append(_SHARES, np.ones(33))  # shapes of a range: how far it goes below zero,
_ABOVE = np.append(np.ones(33), _SHARES)  # and above


@dataclass(frozen=True, slots=True)
class _Channel:
    """One that tensors with a common grid hold.

    Args:
        source: Where it comes from.
        low: How far it goes below zero, not negative.
        high: How far above.
        care: Squared weights of the convolutions that read it.
        turns: Whether it may be turned round.
    """

    source: Source
    low: float
    high: float
    care: float
    turns: bool


def channel_factors(
    graph: Graph, weights: Weights, extremes: Extremes, *, largest: float = LARGEST_FACTOR
) -> dict[int, Array]:
    """How many times larger each channel becomes, of the nodes that hold such channels.

    A negative factor turns a channel round that nothing rectifies, so that most of it is positive.

    Args:
        graph: The network.
        weights: As trained.
        extremes: Of each channel on calibration images.
        largest: Limit of a factor and of its inverse.
    """
    sources = _sources(graph)
    made: dict[tuple[int, int], float] = {}
    for channels in _by_group(graph, weights, extremes, sources).values():
        made |= _fitted(channels, largest)
    return {
        position: np.array([1 if at is None else made[at] for at in held], np.float32)
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


def _by_group(
    graph: Graph, weights: Weights, extremes: Extremes, sources: Sequence[Sequence[Source]]
) -> Mapping[int, list[_Channel]]:
    """The channels of each group of tensors with one grid; one that is ours once."""
    scheme = read_scheme(graph)
    cares = _cares(graph, weights)
    found: dict[int, list[_Channel]] = defaultdict(list)
    ours: dict[tuple[int, int], _Channel] = {}
    for position, node in enumerate(graph.nodes):
        group = scheme.group[position]
        for c, source in enumerate(sources[position]):
            low, high = max(0.0, -extremes.low[position][c]), max(0.0, extremes.high[position][c])
            care = float(cares[position][c])
            if source is None:
                found[group].append(_Channel(None, low, high, care, turns=False))
                continue
            turns = not isinstance(node.op, _HOMOGENEOUS)
            if position in scheme.rectified or group != scheme.group[source[0]]:
                low = high = 0.0  # not on this grid
            old = ours.get(source, _Channel(source, 0.0, 0.0, 0.0, turns=True))
            ours[source] = _Channel(
                source,
                max(low, old.low),
                max(high, old.high),
                care + old.care,
                turns=turns and old.turns,
            )
    for source, channel in ours.items():
        found[scheme.group[source[0]]].append(channel)
    return found


def _cares(graph: Graph, weights: Weights) -> list[Array]:
    """For each node: squared weights that read each of its channels."""
    shapes = graph.shapes(12, 12)
    found = [np.zeros(shape.channels, np.float32) for shape in shapes]
    for position, node in enumerate(graph.nodes):
        if (kernel := weights.get(f"{position}/kernel")) is None:
            continue
        read, powers = found[node.inputs[0]], (kernel**2).sum((0, 1))
        if isinstance(node.op, Conv2d):
            groups = node.op.groups
            read += powers.reshape(len(read) // groups, groups, -1).sum(2).T.ravel()
        else:  # a transposed kernel has its input channels last
            read += powers.sum(0)
    return found


def _fitted(channels: Sequence[_Channel], largest: float) -> dict[tuple[int, int], float]:
    """Factors of those channels that are ours, so that rounding on one grid disturbs readers least.

    For each shape of the common range, all channels are as large as they fit in.
    """
    ours = np.array([c.source is not None for c in channels])
    lows, highs = np.array([c.low for c in channels]), np.array([c.high for c in channels])
    turned = np.array([c.turns for c in channels]) & (lows > highs)
    lows, highs = np.where(turned, highs, lows), np.where(turned, lows, highs)
    peaks = np.maximum(lows, highs)
    reach = max(peaks[~ours].max(initial=0.0) or peaks.max(), 1e-6)
    with np.errstate(divide="ignore", invalid="ignore"):
        down, up = (np.outer(side * reach, 1 / x) for side, x in ((_BELOW, lows), (_ABOVE, highs)))
    sizes = np.fmin(down, up)  # 0 of 0 is not a number, and no limit
    sizes[:, ~ours] = np.where(sizes[:, ~ours] > 1 - 1e-6, 1.0, 0.0)
    cares = np.array([c.care for c in channels]) + 1e-12
    with np.errstate(divide="ignore"):
        noises = (_BELOW + _ABOVE) ** 2 * (cares / sizes**2).sum(axis=1)
    best = np.where(turned, -1, 1) * sizes[noises.argmin()].clip(1 / largest, largest)
    return {c.source: float(k) for c, k in zip(channels, best, strict=True) if c.source is not None}
