"""Grids from what a network computes on representative images.

Ranges are those of whole groups of tensors with one grid (see `scheme`), so that the clipping of a
concatenation weighs what all its parts lose. Images come in batches of any sizes, one after the
other; nothing of a batch is kept but extremes and histograms.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from nas.graph import Graph
from nas.quantize.clipping import Histogram, clip_entropy, clip_error, clip_share
from nas.quantize.scheme import Grid, grids, read_scheme
from nas.quantize.walk import walk
from nas.readers.to_torch import to_torch
from nas.readers.weights import Array, Weights

__all__ = [
    "MINMAX",
    "Calibration",
    "Extremes",
    "Images",
    "batches",
    "calibrate",
    "histograms",
    "observe",
]

Images = Tensor | Sequence[Tensor]
"""A batch (n, c, h, w) in 0..1, or several of any sizes."""
Ranges = Mapping[int, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a range follows from the values that were seen.

    Args:
        kind: "minmax" holds all of them; "percentile" leaves out a share at either end; "mse" has
            the least squared error of rounding and clipping; "entropy" the least Kullback-Leibler
            divergence of the rounded histogram. Zeros, which every grid holds, do not count.
        percentile: Of "percentile": how much of the values lies within each end.

    Source:
        Migacz 2017 (GTC S7310) for entropy; Nagel et al. 2021 (arXiv:2106.08295), 3.1, for others.
    """

    kind: Literal["minmax", "percentile", "mse", "entropy"] = "minmax"
    percentile: float = 99.99


MINMAX = Calibration()


@dataclass(frozen=True, slots=True)
class Extremes:
    """The least and the greatest value of each channel of each node.

    Args:
        low: By position, (channels,).
        high: Likewise.
    """

    low: tuple[Array, ...]
    high: tuple[Array, ...]

    def scaled(self, factors: Mapping[int, Array]) -> "Extremes":
        """As they are when the channels of some nodes are multiplied by factors."""
        ends = [
            (low * factors.get(i, 1), high * factors.get(i, 1))
            for i, (low, high) in enumerate(zip(self.low, self.high, strict=True))
        ]
        return Extremes(
            tuple(np.minimum(*pair) for pair in ends), tuple(np.maximum(*pair) for pair in ends)
        )

    def ranges(self) -> dict[int, tuple[float, float]]:
        """The least and the greatest value of each node."""
        pairs = enumerate(zip(self.low, self.high, strict=True))
        return {i: (float(low.min()), float(high.max())) for i, (low, high) in pairs}


def batches(images: Images) -> Iterator[Tensor]:
    """The batches, one after the other."""
    yield from [images] if isinstance(images, Tensor) else images


@torch.no_grad()
def observe(
    graph: Graph, weights: Weights, images: Images, *, keep: Collection[int | None] = ()
) -> tuple[Extremes, list[dict[int, Tensor]]]:
    """Runs the float network once.

    Args:
        graph: The network.
        weights: As trained.
        images: Representative images.
        keep: Nodes whose outputs are wanted.

    Returns:
        Extremes over all images; and for each batch the outputs to `keep`, by position.
    """
    module = to_torch(graph, weights)
    lows: list[list[Tensor]] = [[] for _ in graph.nodes]
    highs: list[list[Tensor]] = [[] for _ in graph.nodes]
    kept = []
    for batch in batches(images):
        found = {}
        for i, y in walk(graph, batch, lambda i, xs: module.apply_node(i, *xs)):
            low, high = torch.aminmax(y.transpose(0, 1).flatten(1), dim=1)
            lows[i].append(low)
            highs[i].append(high)
            if i in keep:
                found[i] = y
        kept.append(found)
    least = tuple(torch.stack(seen).amin(dim=0).numpy() for seen in lows)
    return Extremes(least, tuple(torch.stack(seen).amax(dim=0).numpy() for seen in highs)), kept


def calibrate(
    graph: Graph,
    weights: Weights,
    images: Images,
    calibration: Calibration = MINMAX,
    *,
    bits: int = 8,
    extremes: Extremes | None = None,
) -> tuple[Grid, ...]:
    """The grid of each node.

    Args:
        graph: The network.
        weights: Float weights.
        images: Representative images.
        calibration: How ranges follow from what is seen on them; 16 bits need no clipping.
        bits: Of activations, 8 or 16.
        extremes: What `observe` finds, where it is known already.
    """
    ranges = (extremes or observe(graph, weights, images)[0]).ranges()
    if calibration.kind != "minmax" and bits == 8:
        found = histograms(graph, weights, images, ranges)
        limits = {index: _limit(histogram, calibration) for index, histogram in found.items()}
        ranges = {i: limits[index] for i, index in enumerate(read_scheme(graph).group)}
    return grids(graph, ranges, bits=bits)


@torch.no_grad()
def histograms(
    graph: Graph, weights: Weights, images: Images, ranges: Ranges
) -> dict[int, Histogram]:
    """By group of tensors with one grid: all its values that are read elsewhere.

    Args:
        graph: The network.
        weights: Float weights.
        images: Representative images.
        ranges: Of each node on these images.
    """
    group = read_scheme(graph).group
    read = _read_outside(graph, group)
    found: dict[int, Histogram] = {}
    for i in read:
        low, high = ranges[i]
        whole = found.get(group[i], Histogram(low, high))
        found[group[i]] = Histogram(min(low, whole.low), max(high, whole.high))
    module = to_torch(graph, weights)
    for batch in batches(images):
        for i, y in walk(graph, batch, lambda i, xs: module.apply_node(i, *xs)):
            if i in read:
                found[group[i]].add(y.numpy())
    return found


def _limit(histogram: Histogram, calibration: Calibration) -> tuple[float, float]:
    if calibration.kind == "percentile":
        return clip_share(histogram, calibration.percentile / 100)
    return clip_error(histogram) if calibration.kind == "mse" else clip_entropy(histogram)


def _read_outside(graph: Graph, group: Sequence[int]) -> frozenset[int]:
    """Nodes whose values leave their group, so that each value counts where it is used."""
    last = len(graph.nodes) - 1
    return frozenset(
        i
        for i in range(len(graph.nodes))
        if i == last or any(group[reader] != group[i] for reader in graph.consumers[i])
    )
