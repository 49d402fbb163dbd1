"""The structural part of a latency model: non-negative milliseconds per unit of each term.

Fitted on relative errors, whose absolute value counts rather than their square: a few dozen
published rows hold some that no term explains, and a square would bend the rest towards them.
"""

import math

import numpy as np
from scipy import optimize

from nas.latency.arrays import Array

__all__ = ["fit_coefficients"]

_SQUARE = 0.02  # relative errors below this count squared, those above in proportion
_ROUNDS = 12  # of reweighting; further rounds move no prediction by 0.1 %


def fit_coefficients(
    design: Array, times: Array, *, ridge: float, floors: Array, prior: Array
) -> Array:
    """Coefficients of at least `floors` that balance relative errors and distance from `prior`.

    Args:
        design: Rows x terms.
        times: In milliseconds.
        ridge: Weight of the distance from the prior, each term scaled to the order of the times.
        floors: Least milliseconds per unit.
        prior: What a term costs as far as no row says otherwise: zero, or another device's.

    Returns:
        Milliseconds per unit of each term.
    """
    means = design.mean(axis=0) / times.mean()
    scales = np.where(means > 0, means, 1.0)
    rows = design / scales / times[:, None]
    wanted = 1 - rows @ (floors * scales)
    penalty = math.sqrt(ridge * len(times)) * np.eye(design.shape[1])
    pull = penalty @ ((prior - floors) * scales)
    weights = np.ones(len(times))
    for _ in range(_ROUNDS):
        above, _ = optimize.nnls(
            np.vstack([rows * weights[:, None], penalty]), np.concatenate([wanted * weights, pull])
        )
        errors = np.abs(wanted - rows @ above)
        weights = np.sqrt(np.minimum(1.0, _SQUARE / np.maximum(errors, 1e-12)))
    found: Array = above / scales + floors
    return found
