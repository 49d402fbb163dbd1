"""What stopped candidates would have reached: those that trained on say how much is gained."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nas.search.tasks import PsnrReading

__all__ = ["Line", "expected_end", "least_of", "line_through"]

Array = npt.NDArray[np.float64]

_PAIRS = 4  # networks read at a rung and at the end, before their gains say anything
_UNKNOWN_DB = 0.5  # what is gained, and how uncertain that is for all alike, until then
_OWN_DB = 0.1  # and for each alone
_LEAST_DB = 0.02  # seeds alone cost that
_SLOPE = 0.6  # dB at the end for one at a rung, before anything was seen
_STIFFNESS = 4.0  # networks' worth of belief in that
_SHARED = 0.9  # of what a network is off the line, with one that is just like it
_WORST = 4.0  # median absolute deviations below the median; whatever is worse broke down


@dataclass(frozen=True, slots=True)
class Line:
    """From the PSNR at a rung to that at the end of training, and its standard deviations in dB.

    Args:
        before_db: Middle of the networks that it goes through, at the rung.
        after_db: The same, at the end.
        slope: At least 0.
        noise_db: Of each network alone.
        doubt_db: Of all together.
        doubt_slope: Of the slope.
    """

    before_db: float
    after_db: float
    slope: float
    noise_db: float
    doubt_db: float
    doubt_slope: float

    @property
    def spread_db(self) -> float:
        """Of a network like those that it goes through."""
        return math.hypot(self.noise_db, self.doubt_db)

    def at(self, psnr_db: Array) -> Array:
        """Expected at the end."""
        found: Array = self.after_db + self.slope * (psnr_db - self.before_db)
        return found

    def covariance(self, psnr_db: Array) -> Array:
        """In dB² of the line at these, which may be wrong at all of them together."""
        away = psnr_db - self.before_db
        found: Array = self.doubt_db**2 + self.doubt_slope**2 * np.outer(away, away)
        return found


def line_through(pairs: Sequence[tuple[float, float]]) -> Line:
    """Fitted to networks that did not break down.

    Args:
        pairs: INT8 PSNR of a network at the rung and at the end.
    """
    points = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    if len(points):
        points = points[(points >= least_of(points, _LEAST_DB)).all(axis=1)]
    if len(points) < _PAIRS:
        return Line(0.0, _UNKNOWN_DB, 1.0, _OWN_DB, _UNKNOWN_DB, 0.0)
    before, after = points.T
    around = before - before.mean()
    stiffness = _STIFFNESS * max(float(around.var()), _LEAST_DB**2)
    weight = float(around @ around) + stiffness
    slope = max(0.0, (float(around @ (after - after.mean())) + _SLOPE * stiffness) / weight)
    missed = after - after.mean() - slope * around
    noise_db = max(math.sqrt(float(missed @ missed) / (len(after) - 2)), _LEAST_DB)
    return Line(
        before_db=float(before.mean()),
        after_db=float(after.mean()),
        slope=slope,
        noise_db=noise_db,
        doubt_db=noise_db / math.sqrt(len(after)),
        doubt_slope=noise_db / math.sqrt(weight),
    )


def expected_end(readings: Sequence[Sequence[PsnrReading]], likeness: Array) -> tuple[Array, Array]:
    """INT8 PSNR at the end of training, and how uncertain what is only expected is.

    A line tells what networks of a rung gain on average; networks that are alike are off it by
    nearly the same.

    Args:
        readings: Of each network, one at least; the most steps of all are the end.
        likeness: Of networks, from 0 to 1; a covariance, networks x networks.

    Returns:
        In dB for each network, and the covariance in dB² between them, networks x networks. Zero
        where a network was trained to the end.
    """
    at = [{steps: psnr_db for steps, _, psnr_db in each} for each in readings]
    last = np.array([max(each) for each in at])
    end = last.max()
    mean_db = np.array([each[steps] for each, steps in zip(at, last, strict=True)])
    covariance = np.zeros((len(at), len(at)))
    shared = _SHARED * likeness + (1 - _SHARED) * np.eye(len(at))
    for steps in set(last) - {end}:
        ended = [i for i, each in enumerate(at) if steps in each and end in each]
        before, after = (np.array([at[i][step] for i in ended]) for step in (steps, end))
        line = line_through(list(zip(before, after, strict=True)))
        missed = after - line.at(before)
        kept = np.abs(missed) < _WORST * line.noise_db
        told, stopped = np.array(ended, dtype=int)[kept], np.flatnonzero(last == steps)
        solved = np.linalg.solve(shared[np.ix_(told, told)], shared[np.ix_(told, stopped)]).T
        left = shared[np.ix_(stopped, stopped)] - solved @ shared[np.ix_(told, stopped)]
        doubt = line.covariance(mean_db[stopped]) + line.noise_db**2 * left
        covariance[np.ix_(stopped, stopped)] = doubt
        mean_db[stopped] = line.at(mean_db[stopped]) + solved @ missed[kept]
    return mean_db, covariance


def least_of(psnr_db: Array, spread_db: float) -> Array:
    """What a network must reach that did not break down.

    Args:
        psnr_db: Networks, or networks x rungs.
        spread_db: That they have at least.
    """
    middle = np.median(psnr_db, axis=0)
    spread = np.maximum(np.median(np.abs(psnr_db - middle), axis=0), spread_db)
    found: Array = middle - _WORST * spread
    return found
