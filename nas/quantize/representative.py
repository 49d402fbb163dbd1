"""Which images should set the ranges: search by trial, and cheaper ways.

The more images calibrate, the wider the ranges by min/max; one well-chosen image may serve better.
`linear_search` tries each alone on the quantised network, as published. `rank` needs no trial: it
knows the histograms of all images and asks how well the ranges of each alone would serve them.
"""

from collections.abc import Callable, Sequence

import numpy as np
from torch import Tensor

from nas.graph import Graph
from nas.quantize.calibration import Extremes, calibrate, histograms, observe
from nas.quantize.clipping import clip_error, squared_error
from nas.quantize.scheme import Grid, read_scheme
from nas.readers.weights import Weights

__all__ = ["Judge", "linear_search", "rank"]

Judge = Callable[[Sequence[Grid]], float]
"""Grids of a network -> how good it is on them, the more the better; such as PSNR in dB."""


def linear_search(
    graph: Graph, weights: Weights, images: Sequence[Tensor], judge: Judge
) -> tuple[int, float]:
    """The image that calibrates best alone, by min/max, and what it is worth.

    Args:
        graph: The network.
        weights: Float weights.
        images: Candidates, (1, c, h, w) each.
        judge: Of the network on the grids that an image gives.

    Source:
        Ayazoglu & Bilecen 2022 (XCAT), which tries every image of the training set.
    """
    worth = [judge(calibrate(graph, weights, image)) for image in images]
    best = int(np.argmax(worth))
    return best, worth[best]


def rank(graph: Graph, weights: Weights, images: Sequence[Tensor]) -> list[int]:
    """Images in the order of how well the min/max ranges of each alone serve all, the best first.

    What a range costs a tensor is the squared error of rounding and clipping over the values of all
    images, relative to the least that any range has; tensors count alike.

    Args:
        graph: The network.
        weights: Float weights.
        images: Candidates, (1, c, h, w) each.
    """
    each = [observe(graph, weights, image)[0] for image in images]
    together = Extremes(
        tuple(np.min(seen, axis=0) for seen in zip(*(e.low for e in each), strict=True)),
        tuple(np.max(seen, axis=0) for seen in zip(*(e.high for e in each), strict=True)),
    )
    scheme = read_scheme(graph)
    seen = histograms(graph, weights, images, together.ranges())
    free = {i: h for i, h in seen.items() if i not in scheme.fixed and h.counts.any()}
    least = {i: squared_error(h, *clip_error(h)) for i, h in free.items()}

    def cost(extremes: Extremes) -> float:
        grid = dict(
            zip(scheme.group, calibrate(graph, weights, [], extremes=extremes), strict=True)
        )
        errors = {i: squared_error(h, grid[i].low, grid[i].high) for i, h in free.items()}
        return sum(errors[i] / max(least[i], 1e-12) for i in free)

    costs = [cost(extremes) for extremes in each]
    return sorted(range(len(each)), key=costs.__getitem__)
