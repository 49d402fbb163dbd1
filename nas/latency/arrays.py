"""Types of the arrays that the fit of a latency model works on, and what is kept of a number."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Mask", "rounded"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def rounded(value: float) -> float:
    """To six digits: below what another BLAS changes."""
    return float(f"{value:.6g}")
