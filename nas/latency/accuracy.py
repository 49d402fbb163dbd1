"""How well predicted times agree with measured ones, and what simpler predictors reach."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

__all__ = ["Accuracy", "Array", "affine", "measure_accuracy", "nearest"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Agreement of predictions with measurements.

    Args:
        mape: Mean absolute error in per cent of the measured time.
        within_10: Per cent of rows predicted within 10 per cent.
        spearman: Rank correlation, 1 at best.
        kendall: Rank correlation that counts pairs, 1 at best.
        rms_ms: Root mean square error in milliseconds.
    """

    mape: float
    within_10: float
    spearman: float
    kendall: float
    rms_ms: float


def measure_accuracy(predicted: Array, measured: Array) -> Accuracy:
    """All figures at once; both in milliseconds."""
    error = predicted / measured - 1
    return Accuracy(
        mape=float(100 * np.mean(np.abs(error))),
        within_10=float(100 * np.mean(np.abs(error) <= 0.1)),
        spearman=float(stats.spearmanr(predicted, measured).statistic),
        kendall=float(stats.kendalltau(predicted, measured).statistic),
        rms_ms=float(np.sqrt(np.mean((predicted - measured) ** 2))),
    )


def affine(count: Array, times: Array, asked: Array) -> Array:
    """Baseline: a fixed time and a time per unit of `count`, neither negative."""
    rows = np.stack([np.ones_like(count), count / count.mean()], axis=1)
    weights, _ = optimize.nnls(rows / times[:, None], np.ones_like(times))
    found: Array = np.stack([np.ones_like(asked), asked / count.mean()], axis=1) @ weights
    return found


def nearest(rows: Array, times: Array, asked: Array) -> Array:
    """Baseline: the time of the row nearest in the logarithms of all terms, standardised."""
    logs = np.log1p(rows)
    spread = logs.std(axis=0)
    spread[spread == 0] = 1
    gaps = (np.log1p(asked)[:, None, :] - logs[None, :, :]) / spread
    found: Array = times[np.argmin((gaps**2).sum(axis=2), axis=1)]
    return found
