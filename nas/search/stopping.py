"""Early stopping on rungs: which candidate is worth more training steps.

Ours, because Optuna forbids `report` and `should_prune` with two objectives. Latency is known
before training, and those that trained to the end tell what a reading at a rung is worth: so a
candidate trains on while it may still become the best, or one of the front.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from nas.search.expected import line_through
from nas.search.gain import log_score
from nas.search.tasks import PsnrReading

__all__ = ["HOPE", "Curve", "goes_on"]

HOPE = 1.0  # standard deviations above what is expected; chosen on the benchmark's table


@dataclass(frozen=True, slots=True)
class Curve:
    """A network as it was measured so far, at one rung at least."""

    readings: tuple[PsnrReading, ...]
    latency_ms: float

    @property
    def steps(self) -> int:
        """Of the last reading."""
        return self.readings[-1][0]

    @property
    def psnr_db(self) -> float:
        """INT8, at the last reading."""
        return self.readings[-1][2]


def goes_on(
    mine: Curve, others: Iterable[Curve], *, min_psnr_db: float | None = None, hope: float = HOPE
) -> bool:
    """Whether `mine` should train on to the next rung.

    Args:
        mine: The candidate at this rung.
        others: All others of the run, those that still train among them.
        min_psnr_db: That is demanded at the end. Networks that lack it and are no better than
            `mine` may become have no say then, however fast they are.
        hope: Standard deviations above what is expected that it may reach.

    Returns:
        False where others trained further, and what may be hoped for is neither the best score of
        those that trained the longest, nor better than all of them that are no slower.
    """
    others = list(others)
    end = max((other.steps for other in others), default=0)
    if end <= mine.steps:
        return True
    ended = [other for other in others if other.steps == end]
    at_rung = ((_at(other, mine.steps), other.psnr_db) for other in ended)
    line = line_through([(before, after) for before, after in at_rung if before is not None])
    hoped_db = float(line.at(np.array(mine.psnr_db))) + hope * line.spread_db
    least_db = min(min_psnr_db, hoped_db) if min_psnr_db is not None else -math.inf
    rivals = [other for other in ended if other.psnr_db >= least_db]
    psnr_db = np.array([rival.psnr_db for rival in rivals])
    latency_ms = np.array([rival.latency_ms for rival in rivals])
    hoped = log_score(np.array(hoped_db), np.array(mine.latency_ms))
    if (hoped >= log_score(psnr_db, latency_ms)).all():
        return True
    return bool((hoped_db > psnr_db[latency_ms <= mine.latency_ms]).all())


def _at(curve: Curve, steps: int) -> float | None:
    return next((psnr_db for at, _, psnr_db in curve.readings if at == steps), None)
