"""What a law misses of single ops, as a Gaussian process over their kernels.

Near a measured kernel the process repeats what was missed there, far from all it says nothing and
that it does not know. Errors of alike kernels go together, so it answers for a whole network.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from nas.latency.arrays import Array
from nas.readers.kernels import BRICK, CONVS, Kernel

__all__ = ["NOISE", "OpResidual", "covariance", "places_of"]

NOISE = 0.1  # deviation of the logarithm of the time of equal kernels
_ALIKE = 0.5  # deviation of what ops of one kind and layout share
_NEAR = 0.7  # deviation of what changes with their sizes
_REACH_SIZE = 1.2  # distance, in doublings, over which a miss is repeated
_REACH_LAYOUT = 0.5
_REMEMBERED = 2**16  # kernels whose place is computed once; random networks share most
_APART = 100.0  # between ops of two kinds: beyond reach
_KINDS = ("input", "conv", "add", "copy", "repeat", "move", "point")


def places_of(kernels: Sequence[Kernel]) -> tuple[Array, Array]:
    """Where kernels lie: by kind and layout, and by size; both in units of their reach."""
    layouts, sizes = zip(*map(_place_of, kernels), strict=True) if kernels else ((), ())
    return np.array(layouts), np.array(sizes)


@dataclass(frozen=True)
class OpResidual:
    """The process, given what was seen.

    Args:
        kernels: That were measured.
        misses: Logarithms of their measured time over that of the law.
    """

    kernels: tuple[Kernel, ...]
    misses: tuple[float, ...]

    def shifts(self, near: Array) -> Array:
        """What to add to the logarithm of the law's time, `near` as it is given for kernels."""
        found: Array = near @ self._weights
        return found

    def near(self, kernels: Sequence[Kernel]) -> Array:
        """Covariance of `kernels` with those that were measured."""
        return covariance(places_of(kernels), self._places)

    def deviation(self, kernels: Sequence[Kernel], near: Array, shares: Array) -> float:
        """Of the logarithm of a network's time, from what is open about its kernels.

        Args:
            kernels: Distinct ones of the network.
            near: As `near` gives it for them.
            shares: Of each in the network's time.
        """
        places = places_of(kernels)
        explained = self._whitening @ (shares @ near)
        before = shares @ covariance(places, places) @ shares
        return math.sqrt(max(float(before - explained @ explained), 0.0))

    @property
    def evidence(self) -> float:
        """Logarithm of how likely the misses are of such a process, up to a constant.

        A law that misses like ops alike leaves more to learn than one whose misses are as large
        but without order.
        """
        misses = self._whitening @ np.array(self.misses)
        return float(np.log(np.diag(self._whitening)).sum() - misses @ misses / 2)

    @cached_property
    def _places(self) -> tuple[Array, Array]:
        return places_of(self.kernels)

    @cached_property
    def _whitening(self) -> Array:
        seen = covariance(self._places, self._places) + NOISE**2 * np.eye(len(self.kernels))
        return np.asarray(np.linalg.inv(np.linalg.cholesky(seen)), dtype=np.float64)

    @cached_property
    def _weights(self) -> Array:
        found: Array = self._whitening.T @ (self._whitening @ np.array(self.misses))
        return found


@lru_cache(maxsize=_REMEMBERED)
def _place_of(kernel: Kernel) -> tuple[Array, Array]:
    layout, size = np.array(_layout(kernel), dtype=np.float64), np.array(_size(kernel))
    return layout / (2 * _REACH_LAYOUT), size / (np.sqrt(2) * _REACH_SIZE)


def _layout(kernel: Kernel) -> list[float]:
    reads, writes = kernel.reads, kernel.writes
    kind = _kind(kernel)
    return [
        *(_APART * (kind == other) for other in _KINDS),
        kernel.size > 1,
        *(reads == layout for layout in ("plain", "linear", "image")),
        *(writes == layout for layout in ("plain", "linear")),
    ]


def _size(kernel: Kernel) -> list[float]:
    cin, cout = kernel.cin, kernel.cout
    doublings = [
        np.log2(cin),
        np.log2(cout),
        np.log2(-(-cin // BRICK)),
        np.log2(-(-cout // BRICK)),
        np.log2(kernel.pixels_out) / 2,
        np.log2(kernel.groups) / 2,
        np.log2(kernel.box_in),
        np.log2(kernel.box_out),
        np.log2(1 + kernel.copied / kernel.pixels_out),
    ]
    whole = [count % by == 0 for count in (cin, cout) for by in (BRICK, BRICK // 2)]
    return [*doublings, *(0.7 * flag for flag in whole)]


def _kind(kernel: Kernel) -> str:
    if kernel.kind in CONVS:
        return "conv"
    known = {"multiply": "add", "concat": "copy", "slice": "copy"}
    if kernel.kind in ("depth_to_space", "space_to_depth", "resize_nearest", "resize_bicubic"):
        return "move"
    found = known.get(kernel.kind, kernel.kind)
    return found if found in _KINDS else "point"


def covariance(first: tuple[Array, Array], second: tuple[Array, Array]) -> Array:
    layouts, sizes = (_gaps(a, b) for a, b in zip(first, second, strict=True))
    found: Array = np.exp(-layouts) * (_ALIKE**2 + _NEAR**2 * np.exp(-sizes))
    return found


def _gaps(first: Array, second: Array) -> Array:
    """Squared distances."""
    squares = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)
    found: Array = np.maximum(squares - 2 * first @ second.T, 0.0)
    return found
