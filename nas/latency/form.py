"""The forms that a latency model may take; which one is chosen anew in every fold of a test."""

from dataclasses import dataclass
from itertools import product

from nas.readers.features import ALIGNMENTS, FEATURE_NAMES

__all__ = ["FORMS", "TRANSFER_RIDGES", "Form"]

_MACS = ("macs", *(f"macs_by_{by}" for by in ALIGNMENTS))
_RIDGES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03)  # no stronger: long networks would become fast
_RESIDUALS = ((0.0, 0.2), (1.0, 0.2), (5.0, 0.1), (5.0, 0.2), (5.0, 0.4), (20.0, 0.2))
_MATRIX = 64  # channels of a matrix unit, where a 1x1 kernel waits for its inputs
TRANSFER_RIDGES = (0.01, 0.1, 1.0, 10.0)  # towards another device's coefficients


@dataclass(frozen=True, slots=True)
class Form:
    """What no formula of the fit decides.

    Args:
        macs: Which of the terms for arithmetic counts: channels as they are, or rounded up.
        ridge: Weight of small coefficients against small errors.
        strength: Of the residual process (`Residual`).
        reach: Of the residual process.
    """

    macs: str
    ridge: float
    strength: float
    reach: float

    @property
    def terms(self) -> tuple[str, ...]:
        """All features, with one way to count arithmetic; 1x1 kernels apart on a matrix unit."""
        counted = [self.macs]
        if self.macs == f"macs_by_{_MATRIX}":
            counted.append(f"macs_1x1_by_{_MATRIX}")
        return tuple(n for n in FEATURE_NAMES if n in counted or not n.startswith("macs"))


FORMS = tuple(
    Form(macs, ridge, strength, reach)
    for macs, ridge, (strength, reach) in product(_MACS, _RIDGES, _RESIDUALS)
)
