"""Early stopping on rungs: which candidate is worth more training steps.

Ours, because Optuna forbids `report` and `should_prune` with two objectives. Latency is known
before training, so rivals are compared at equal steps on (PSNR, latency).
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["GRACE", "MARGINS_DB", "Rival", "goes_on"]

MARGINS_DB = (0.1, 0.05)  # per rung, the last for all later ones; seeds alone cost 0.02-0.05 dB
GRACE = 8  # networks at a rung before its median says anything


@dataclass(frozen=True, slots=True)
class Rival:
    """A network as it was measured at one rung."""

    psnr_db: float
    latency_ms: float

    @property
    def worth(self) -> float:
        """Logarithm of the challenge score but for its constant."""
        return 2 * self.psnr_db - math.log2(self.latency_ms)


def goes_on(
    mine: Rival, rivals: Sequence[Rival], *, rung: int, min_psnr_db: float | None = None
) -> bool:
    """Whether `mine` should train on to the next rung.

    Args:
        mine: The candidate at this rung.
        rivals: All others seen at the same rung.
        rung: 0 for the first.
        min_psnr_db: That is demanded at the end. Rivals that are worse than `mine` and lack it
            have no say then, however fast they are.

    Returns:
        False where a rival of equal or lower latency is better by more than the margin, or where
        the score lies in the lower half of what was seen, once enough was seen.
    """
    if min_psnr_db is not None:
        least_db = min(min_psnr_db, mine.psnr_db)
        rivals = [rival for rival in rivals if rival.psnr_db >= least_db]
    margin_db = MARGINS_DB[min(rung, len(MARGINS_DB) - 1)]
    if any(
        rival.latency_ms <= mine.latency_ms and rival.psnr_db > mine.psnr_db + margin_db
        for rival in rivals
    ):
        return False
    if len(rivals) < GRACE:
        return True
    return mine.worth >= statistics.median(rival.worth for rival in rivals)
