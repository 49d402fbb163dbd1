"""What a network is expected to add, when its time is known and its PSNR is guessed."""

import math

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr, ndtr

__all__ = [
    "expected_improvement",
    "front_area",
    "front_gain",
    "log_reach_chance",
    "log_score",
    "score_gain",
]

Array = npt.NDArray[np.float64]

_DOUBLINGS = 2 * math.log(2)  # of the logarithm of a score, per dB
_ROOT = math.sqrt(2 * math.pi)


def expected_improvement(mean: Array, spread: Array, best: float | Array) -> Array:
    """Of a normal variable over `best`.

    Example:
        >>> expected_improvement(np.array([1.0]), np.array([1.0]), 1.0).round(4)  # 1/sqrt(2 pi)
        array([0.3989])
    """
    standing = (mean - best) / spread
    found: Array = spread * (standing * ndtr(standing) + np.exp(-(standing**2) / 2) / _ROOT)
    return found


def log_score(psnr_db: Array, latency_ms: Array) -> Array:
    """Natural logarithm of the challenge score, without its constant."""
    found: Array = _DOUBLINGS * psnr_db - np.log(latency_ms)
    return found


def log_reach_chance(psnr_db: Array, spread_db: Array, least_db: float) -> Array:
    """Natural logarithm of how likely each guess is to come true at `least_db` or above it.

    It also ranks networks that are so far below that all chances are 0.
    """
    found: Array = log_ndtr((psnr_db - least_db) / spread_db)
    return found


def score_gain(psnr_db: Array, spread_db: Array, latency_ms: Array, best: float) -> Array:
    """How much more than 1 times the best score is expected, where it is more at all.

    A score is 2^(2 PSNR) / time, so it is log-normal where PSNR is normal.

    Args:
        psnr_db: Guessed.
        spread_db: Standard deviation of the guess.
        latency_ms: Known.
        best: `log_score` of the best so far.
    """
    mean = log_score(psnr_db, latency_ms) - best
    spread = _DOUBLINGS * spread_db
    gained = np.exp(np.minimum(mean + spread**2 / 2, 50)) * ndtr((mean + spread**2) / spread)
    found: Array = gained - ndtr(mean / spread)
    return np.maximum(found, 0)


def front_area(front: Array, corner: tuple[float, float]) -> float:
    """Area that the front dominates, in dB times log ms; arguments as of `front_gain`."""
    times, levels = _stairs(front, corner)
    return float(np.diff(times) @ (levels[1:] - levels[0]))


def front_gain(
    psnr_db: Array, spread_db: Array, latency_ms: Array, front: Array, corner: tuple[float, float]
) -> Array:
    """Expected growth of the area that the front dominates, in dB times log ms.

    Args:
        psnr_db: Guessed.
        spread_db: Standard deviation of the guess.
        latency_ms: Known.
        front: Rows of PSNR and milliseconds, none beaten by another one; slower ones than count
            are left out.
        corner: The worst PSNR and the longest time that count.
    """
    times, levels = _stairs(front, corner)
    starts = np.concatenate([[-np.inf], times[:-1]])
    found = np.zeros(len(psnr_db))
    own = np.log(latency_ms)
    for start, end, level in zip(starts, times, levels, strict=True):
        span = np.maximum(end - np.maximum(start, own), 0)
        found += span * expected_improvement(psnr_db, spread_db, level)
    return found


def _stairs(front: Array, corner: tuple[float, float]) -> tuple[Array, Array]:
    """Logarithms of the times at which steps of the front end, and the PSNR of each step.

    The first step is before the fastest network, at the corner's PSNR; the last ends at its time.
    """
    worst_db, longest_ms = corner
    fastest_first = front[np.argsort(front[:, 1])]
    times = np.log(np.minimum(np.append(fastest_first[:, 1], longest_ms), longest_ms))
    return times, np.concatenate([[worst_db], np.maximum(fastest_first[:, 0], worst_db)])
