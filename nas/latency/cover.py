"""Which networks to measure, so that the ops where a space spends its time are seen.

Networks are chosen one after the other, each the one that leaves least open about the times of all.
What is open about an op falls with each like op that is measured (`nas.latency.op_residual`); how
much an op counts is its share of a network's time by a simple roofline, which needs no measurement.
"""

from collections.abc import Sequence

import numpy as np

from nas.graph import Graph
from nas.latency.arrays import Array
from nas.latency.op_residual import NOISE, covariance, places_of
from nas.readers.kernels import Kernel, signatures

__all__ = ["choose_cover"]

_MACS_PER_VALUE = 64  # done in the time that one value takes to be moved
_LINEAR = 3  # times that a value takes that lies as in a file


def choose_cover(graphs: Sequence[Graph], count: int, *, height: int, width: int) -> list[int]:
    """Places of the networks to measure, the most telling first.

    Args:
        graphs: To choose among.
        count: How many to choose; all where there are fewer.
        height: Of the low-resolution input, in pixels.
        width: Of the low-resolution input, in pixels.
    """
    found = [signatures(graph, height=height, width=width) for graph in graphs]
    kernels = list(dict.fromkeys(kernel for counts in found for kernel in counts))
    places = {kernel: place for place, kernel in enumerate(kernels)}
    members = [np.array([places[kernel] for kernel in counts]) for counts in found]
    costs = np.array([_roofline(kernel) for kernel in kernels])
    weights = np.zeros(len(kernels))
    for counts, own in zip(found, members, strict=True):
        spent = costs[own] * np.array(list(counts.values()))
        weights[own] += (spent / spent.sum()) ** 2
    at = places_of(kernels)
    return _greedy(members, covariance(at, at), weights, min(count, len(graphs)))


def _greedy(members: list[Array], unknown: Array, weights: Array, count: int) -> list[int]:
    """A gain only falls as more is measured, so that of earlier rounds bounds it."""
    gains = np.full(len(members), np.inf)
    chosen: list[int] = []
    for _ in range(count):
        fresh: set[int] = set()
        while (best := int(np.argmax(gains))) not in fresh:
            learnt = _learnt(unknown, members[best])
            gains[best] = (learnt**2).sum(axis=0) @ weights
            fresh.add(best)
        learnt = _learnt(unknown, members[best])
        unknown = unknown - learnt.T @ learnt
        gains[best] = -np.inf
        chosen.append(best)
    return chosen


def _learnt(unknown: Array, measured: Array) -> Array:
    """Whose product with itself is the covariance that goes when `measured` kernels are known."""
    seen = unknown[np.ix_(measured, measured)] + NOISE**2 * np.eye(len(measured))
    found: Array = np.linalg.solve(np.linalg.cholesky(seen), unknown[measured])
    return found


def _roofline(kernel: Kernel) -> float:
    """Time of an op in values moved."""
    products = kernel.size**2 * kernel.cin * kernel.written_values
    reads, writes = kernel.read_values, kernel.written_values
    if kernel.kind in ("slice", "concat"):
        reads = writes = kernel.copied
    moved = reads * (1 if kernel.reads == "plain" else _LINEAR)
    moved += writes * (1 if kernel.writes == "plain" else _LINEAR)
    return max(products / _MACS_PER_VALUE, moved) + 1.0
