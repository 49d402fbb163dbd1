"""Means over images with 95 % intervals of Student's t.

The interval says how far the mean of other images of the same kind may lie. Between images figures
differ by many dB, so to compare two networks take the interval of their difference image by image.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["METHOD", "Mean", "mean_of", "paired_difference"]

METHOD = "Student's t over images, 95 %"
_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean and its interval, which is NaN for a single image or infinite figures."""

    mean: float
    low: float
    high: float


def mean_of(values: Sequence[float]) -> Mean:
    """The mean of one figure per image.

    Raises:
        ValueError: There is none.
    """
    if not values:
        raise ValueError("no values to average")
    mean = float(np.mean(values))
    if len(values) < 2 or not math.isfinite(mean):
        return Mean(mean, math.nan, math.nan)
    from scipy.stats import t  # here: it takes a second to load

    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    half = float(t.ppf((1 + _CONFIDENCE) / 2, len(values) - 1)) * error
    return Mean(mean, mean - half, mean + half)


def paired_difference(values: Sequence[float], reference: Sequence[float]) -> Mean:
    """The mean of `values` minus `reference`, image by image; equal infinities differ by nothing.

    Raises:
        ValueError: They are of different lengths, or empty.
    """
    pairs = zip(values, reference, strict=True)
    return mean_of([0.0 if a == b else a - b for a, b in pairs])
