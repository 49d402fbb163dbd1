"""Types of the arrays that the fit of a latency model works on."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Mask"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
