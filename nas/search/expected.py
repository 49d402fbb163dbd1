"""What stopped candidates would have reached: those that trained on say how much is gained."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nas.search.tasks import PsnrReading

__all__ = ["expected_end"]

Array = npt.NDArray[np.float64]

_PAIRS = 4  # networks read at a rung and at the end, before their gains say anything
_UNKNOWN_DB = 0.5  # what is gained, and how uncertain that is for all alike, until then
_OWN_DB = 0.1  # and for each alone
_LEAST_DB = 0.02  # seeds alone cost that
_SLOPE = 0.6  # dB at the end for one at a rung, before anything was seen
_STIFFNESS = 4.0  # networks' worth of belief in that
_WORST = 4.0  # median absolute deviations below the median; whatever is worse broke down


def expected_end(readings: Sequence[Sequence[PsnrReading]]) -> tuple[Array, Array]:
    """INT8 PSNR at the end of training, and how uncertain what is only expected is.

    Args:
        readings: Of each network, one at least; the most steps of all are the end.

    Returns:
        In dB for each network, and the covariance in dB² between them, networks x networks: what
        is expected of several by the same line may be wrong together. Zero where a network was
        trained to the end.
    """
    at = [{steps: psnr_db for steps, _, psnr_db in each} for each in readings]
    last = np.array([max(each) for each in at])
    end = last.max()
    mean_db = np.array([each[steps] for each, steps in zip(at, last, strict=True)])
    covariance = np.zeros((len(at), len(at)))
    for steps in set(last) - {end}:
        pairs = np.array([(each[steps], each[end]) for each in at if steps in each and end in each])
        alike = np.flatnonzero(last == steps)
        mean_db[alike], covariance[np.ix_(alike, alike)] = _extrapolated(mean_db[alike], pairs)
    return mean_db, covariance


def _extrapolated(psnr_db: Array, pairs: Array) -> tuple[Array, Array]:
    """By a line through the networks that were read at both and did not break down."""
    own = np.eye(len(psnr_db))
    if len(pairs):
        pairs = pairs[(pairs >= _floor(pairs)).all(axis=1)]
    if len(pairs) < _PAIRS:
        return psnr_db + _UNKNOWN_DB, _UNKNOWN_DB**2 + _OWN_DB**2 * own
    before, after = pairs.T
    around = before - before.mean()
    stiffness = _STIFFNESS * max(float(around.var()), _LEAST_DB**2)
    weight = around @ around + stiffness
    slope = (around @ (after - after.mean()) + _SLOPE * stiffness) / weight
    missed = after - after.mean() - slope * around
    noise = max(float(missed @ missed) / (len(after) - 2), _LEAST_DB**2)
    away = psnr_db - before.mean()
    of_line = 1 / len(after) + np.outer(away, away) / weight
    return after.mean() + slope * away, noise * (own + of_line)


def _floor(pairs: Array) -> Array:
    """The least that counts at a rung and at the end."""
    middle = np.median(pairs, axis=0)
    spread = np.maximum(np.median(np.abs(pairs - middle), axis=0), _LEAST_DB)
    found: Array = middle - _WORST * spread
    return found
