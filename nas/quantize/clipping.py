"""Where to clip a tensor: ends of an int8 range, chosen on the histogram of its values.

What lies beyond an end is written as the end; what lies within is rounded to one of 256 codes.
Zeros cost nothing on any grid, so they are not counted.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

__all__ = ["Histogram", "clip_entropy", "clip_error", "clip_share", "squared_error"]

BINS = 2048
CODES = 256
FRACTIONS = np.linspace(0.3, 1.0, 71)  # of an end, that are tried
ROUNDS = 2  # of both ends in turn
NOTHING = 1e-6  # a range that no grid is fine enough for
FLOOR = 1e-6  # a share that stands in for none where a logarithm is taken

Floats = npt.NDArray[np.float64]


class Histogram:
    """Counts of the values between `low` and `high`; values may come in any number of batches.

    Args:
        low: Least value; 0 if that is above.
        high: Greatest value; 0 if that is below.
    """

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = min(low, 0.0), max(high, 0.0)
        self.counts: Floats = np.zeros(BINS)

    @property
    def edges(self) -> Floats:
        """Ends of the bins, one more than there are bins."""
        return np.linspace(self.low, self.high, BINS + 1)

    @property
    def centres(self) -> Floats:
        """Of the bins."""
        edges = self.edges
        return (edges[:-1] + edges[1:]) / 2

    def add(self, values: npt.NDArray[np.float32]) -> None:
        """Counts values that are not 0."""
        if self.high - self.low > NOTHING:
            counts, _ = np.histogram(values[values != 0], BINS, (self.low, self.high))
            self.counts += counts


def clip_share(histogram: Histogram, share: float) -> tuple[float, float]:
    """Ends such that `share` of the values lies at or above the low one, as many below the high."""
    total = histogram.counts.sum()
    if total == 0:
        return histogram.low, histogram.high
    below = np.concatenate([[0.0], histogram.counts.cumsum()]) / total
    low = np.interp(1 - share, below, histogram.edges)
    high = np.interp(share, below, histogram.edges)
    return min(float(low), 0.0), max(float(high), 0.0)


def clip_error(histogram: Histogram) -> tuple[float, float]:
    """Ends with the least squared error."""
    return _search(histogram, lambda low, high: squared_error(histogram, low, high))


def squared_error(histogram: Histogram, low: float, high: float) -> float:
    """Of all values written on a grid from `low` to `high`.

    Rounding errors are taken as uniform, a twelfth of the squared step; those of clipping as seen.
    """
    centres = histogram.centres
    beyond = centres - centres.clip(low, high)
    rounded = histogram.counts[beyond == 0].sum() * ((high - low) / (CODES - 1)) ** 2 / 12
    return float(rounded + (histogram.counts * beyond**2).sum())


def clip_entropy(histogram: Histogram) -> tuple[float, float]:
    """Ends with the least Kullback-Leibler divergence of what is written from what is read.

    Values beyond an end count in its bin; what is written spreads the counts of a code evenly over
    the bins that it stands for.
    """
    centres = histogram.centres

    def divergence(low: float, high: float) -> float:
        inside = (centres >= low) & (centres <= high)
        counts = histogram.counts[inside]
        read = counts.copy()
        read[0] += histogram.counts[centres < low].sum()
        read[-1] += histogram.counts[centres > high].sum()
        codes = np.rint((centres[inside] - low) / (high - low) * (CODES - 1)).astype(int)
        used = np.bincount(codes, counts > 0, minlength=CODES)
        share = np.bincount(codes, counts, minlength=CODES) / np.maximum(used, 1)
        written = np.where(counts > 0, share[codes], 0.0)
        p, q = read / read.sum() + FLOOR, written / max(written.sum(), 1.0) + FLOOR
        return float((p * np.log(p / q)).sum())

    return _search(histogram, divergence)


def _search(histogram: Histogram, cost: Callable[[float, float], float]) -> tuple[float, float]:
    """Moves one end after the other to where it costs least."""
    low, high = histogram.low, histogram.high
    if histogram.counts.sum() == 0:
        return low, high
    for _ in range(ROUNDS):
        if high > 0:
            high = min(FRACTIONS[::-1] * histogram.high, key=lambda end: cost(low, float(end)))
        if low < 0:
            low = min(FRACTIONS[::-1] * histogram.low, key=lambda end: cost(float(end), high))
    return float(low), float(high)
