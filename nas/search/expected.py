"""What stopped candidates would have reached: those that trained on say how much is gained."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nas.search.tasks import PsnrReading

__all__ = ["expected_end"]

Array = npt.NDArray[np.float64]

_PAIRS = 4  # networks read at a rung and at the end, before their gains say anything
_UNKNOWN_DB = 0.5  # what is gained, and how uncertain that is, until then
_LEAST_DB = 0.02  # seeds alone cost that
_STIFFNESS = 1.0  # networks' worth of belief that a dB at a rung is a dB at the end


def expected_end(readings: Sequence[Sequence[PsnrReading]]) -> tuple[Array, Array]:
    """INT8 PSNR at the end of training, and the standard deviation of what is only expected.

    Args:
        readings: Of each network, one at least; the most steps of all are the end.

    Returns:
        For each network; the deviation of one that trained to the end is 0.
    """
    at = [{steps: psnr_db for steps, _, psnr_db in each} for each in readings]
    end = max(steps for each in at for steps in each)
    full = [each for each in at if end in each]
    mean_db, spread_db = np.zeros(len(at)), np.zeros(len(at))
    for i, each in enumerate(at):
        last = max(each)
        mean_db[i], spread_db[i] = (
            (each[end], 0.0) if last == end else _extrapolated(each[last], last, end, full)
        )
    return mean_db, spread_db


def _extrapolated(
    psnr_db: float, steps: int, end: int, full: list[dict[int, float]]
) -> tuple[float, float]:
    """By a line through the networks that were read at both."""
    pairs = np.array([(each[steps], each[end]) for each in full if steps in each])
    if len(pairs) < _PAIRS:
        return psnr_db + _UNKNOWN_DB, _UNKNOWN_DB
    before, after = pairs.T
    around = before - before.mean()
    stiffness = _STIFFNESS * max(float(around.var()), _LEAST_DB**2)
    slope = float((around @ (after - after.mean()) + stiffness) / (around @ around + stiffness))
    missed = after - after.mean() - slope * around
    spread_db = max(float(np.sqrt((missed**2).sum() / (len(pairs) - 2))), _LEAST_DB)
    return float(after.mean() + slope * (psnr_db - before.mean())), spread_db
