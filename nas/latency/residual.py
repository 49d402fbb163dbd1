"""What the structural part misses, as a Gaussian process over how a network spends its time.

Two networks are near where the terms take the same shares of their time and their totals are
alike. Near a measured network the process repeats what was missed there, far from all it says
nothing, and it always says how far it is from what was measured.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nas.latency.arrays import Array

__all__ = ["Residual", "place_of"]


def place_of(costs: Array) -> Array:
    """Where networks lie.

    Args:
        costs: Networks x terms, in milliseconds.

    Returns:
        Roots of the shares, so that distances are those between distributions (Hellinger), and
        half the logarithm of the total.
    """
    total = costs.sum(axis=1, keepdims=True)
    return np.hstack([np.sqrt(costs / total), np.log(total) / 2])


@dataclass(frozen=True)
class Residual:
    """The process, given what was seen.

    Args:
        places: Of the measured networks, as `place_of` gives them.
        misses: Logarithms of measured over structural time.
        strength: Variance of what can be learned over that of noise; 0 learns nothing, and only
            tells distance.
        reach: Distance over which a miss is repeated.
    """

    places: Array
    misses: Array
    strength: float
    reach: float

    def at(self, places: Array) -> tuple[Array, Array]:
        """Shift of the logarithm of time, and how many times wider than amid measured networks."""
        near = self._kernel(places, self.places)
        shift = near @ self._weights if self.strength else np.zeros(len(places))
        explained = np.linalg.solve(self._root, near.T)
        open_variance = np.maximum(self._variance - (explained**2).sum(axis=0), 0)
        return shift, np.sqrt(1 + open_variance)

    @property
    def _variance(self) -> float:
        return self.strength or 1.0

    @cached_property
    def _root(self) -> Array:
        seen = self._kernel(self.places, self.places) + np.eye(len(self.places))
        return np.asarray(np.linalg.cholesky(seen), dtype=np.float64)

    @cached_property
    def _weights(self) -> Array:
        found: Array = np.linalg.solve(self._root.T, np.linalg.solve(self._root, self.misses))
        return found

    def _kernel(self, first: Array, second: Array) -> Array:
        gaps = ((first[:, None, :] - second[None, :, :]) ** 2).sum(axis=2)
        found: Array = self._variance * np.exp(-gaps / (2 * self.reach**2))
        return found
