"""How well predicted times agree with measured ones, and what simpler predictors reach."""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from nas.latency.arrays import Array

__all__ = [
    "Accuracy",
    "Intervals",
    "affine",
    "measure_accuracy",
    "measure_intervals",
    "nearest",
]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Agreement of predictions with measurements.

    Args:
        mape: Mean absolute error in per cent of the measured time.
        median_ape: Median of the same.
        within_5: Per cent of rows predicted within 5 per cent.
        within_10: Per cent of rows predicted within 10 per cent.
        rmse_ms: Root mean square error in milliseconds.
        spearman: Rank correlation, 1 at best; 0 where all times of one side are equal.
        kendall: Rank correlation that counts pairs, 1 at best; 0 likewise.
    """

    mape: float
    median_ape: float
    within_5: float
    within_10: float
    rmse_ms: float
    spearman: float
    kendall: float


@dataclass(frozen=True, slots=True)
class Intervals:
    """How honest intervals are.

    Args:
        coverage: Per cent of measured times inside.
        width: Median length, in per cent of the prediction.
    """

    coverage: float
    width: float


def measure_accuracy(predicted: Array, measured: Array) -> Accuracy:
    """All figures at once; both in milliseconds."""
    error = np.abs(predicted / measured - 1)
    ranked = min(np.ptp(predicted), np.ptp(measured)) > 0
    return Accuracy(
        mape=float(100 * error.mean()),
        median_ape=float(100 * np.median(error)),
        within_5=float(100 * np.mean(error <= 0.05)),
        within_10=float(100 * np.mean(error <= 0.1)),
        rmse_ms=float(np.sqrt(np.mean((predicted - measured) ** 2))),
        spearman=float(stats.spearmanr(predicted, measured).statistic) if ranked else 0.0,
        kendall=float(stats.kendalltau(predicted, measured).statistic) if ranked else 0.0,
    )


def measure_intervals(low: Array, high: Array, predicted: Array, measured: Array) -> Intervals:
    """Of intervals around predictions; all in milliseconds."""
    inside = (low <= measured) & (measured <= high)
    width = np.median((high - low) / predicted)
    return Intervals(coverage=float(100 * inside.mean()), width=float(100 * width))


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
