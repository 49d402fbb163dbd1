"""Guesses what a network will reach from those that were measured: a Gaussian process.

Three parts add up: a linear trend in the traits of the graph, what smoothly differs from it, and
what only the decisions of the pick tell. Their weights, and the noise, are those that make what was
seen most likely, held near a prior by which 20 networks are enough. Networks that break down are so
far below the rest that they would stretch everything; they are taken as just bad.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

from nas.search.expected import least_of

__all__ = ["WEIGHT_BOUNDS", "Seen", "Surrogate", "shared_decisions"]

Array = npt.NDArray[np.float64]

# trend, smooth, reach of smooth, decisions, reach of decisions, noise: variances over that of PSNR
_PRIOR = np.log(np.array([0.3, 0.5, 0.7, 0.3, 0.3, 0.05]))
_PRIOR_SD = 1.5
# A line search that steps far beyond these divides by a reach of zero.
WEIGHT_BOUNDS = [(weight - 4 * _PRIOR_SD, weight + 4 * _PRIOR_SD) for weight in _PRIOR]
_LEAST_DB = 0.01  # between networks
_ITERATIONS = 25
_LEVEL, _WIDTHS = 0.8, 1.2816  # an interval of 80 %, and its half in standard deviations
_WIDEST = 2.5
_TOLD = 6  # networks that trained to the end, before they alone tell how wide intervals are
_TINY = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Networks as the surrogate sees them.

    Args:
        traits: Networks x `nas.readers.traits.TRAIT_NAMES`.
        decisions: Networks x choices, the place of the option; -1 where a choice is not active.
    """

    traits: Array
    decisions: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.traits)


def shared_decisions(first: Seen, second: Seen) -> Array:
    """Share of the decisions that are the same, networks of the one x networks of the other."""
    same: Array = np.zeros((len(first), len(second)))
    for ours, theirs in zip(first.decisions.T, second.decisions.T, strict=True):
        same += ours[:, None] == theirs
    found: Array = same / max(1, first.decisions.shape[1])
    return found


class Surrogate:
    """The process, given what was seen.

    Args:
        seen: Measured networks, at least two, in the order in which they were chosen.
        psnr_db: What each reached, or is expected to reach.
        extra: Covariance in dB² beside the common noise, as `nas.search.expected` tells it.
        weights: Of the parts, fitted before; None: fitted now.
        widen: How much wider intervals are than the process says; None: told by what was seen.
    """

    def __init__(
        self,
        seen: Seen,
        psnr_db: Array,
        extra: Array,
        *,
        weights: Array | None = None,
        widen: float | None = None,
    ) -> None:
        kept = np.maximum(psnr_db, least_of(psnr_db, _LEAST_DB))  # worse is no worse
        self._middle, self._unit = float(kept.mean()), max(float(kept.std()), 1e-3)
        self._targets = (kept - self._middle) / self._unit
        self._extra = extra / self._unit**2
        self._shift = seen.traits.mean(axis=0)
        self._spread = seen.traits.std(axis=0)
        self._spread[self._spread < _TINY] = np.inf  # a trait that all share tells nothing
        self._seen = self._place(seen)
        self._gaps = self._compare(self._seen, self._seen)
        self.weights = self._fit() if weights is None else weights
        self._factor = cho_factor(self._covariance(self.weights), lower=True)
        self._solved = cho_solve(self._factor, self._targets)
        self.widen = self._calibrate() if widen is None else widen

    def predict(self, networks: Seen) -> tuple[Array, Array]:
        """Mean and standard deviation of the PSNR that would be measured, in dB."""
        placed = self._place(networks)
        cross = _kernel(self.weights, *self._compare(placed, self._seen))
        own = np.exp(self.weights[0]) * (placed.traits**2).mean(axis=1)
        own = own + np.exp(self.weights[1]) + np.exp(self.weights[3]) + np.exp(self.weights[5])
        explained = (cross * cho_solve(self._factor, cross.T).T).sum(axis=1)
        spread = np.sqrt(np.maximum(own - explained, _TINY))
        mean = self._middle + self._unit * (cross @ self._solved)
        return np.asarray(mean), np.asarray(self._unit * self.widen * spread)

    def _calibrate(self) -> float:
        """How much wider intervals must be, by what would have been guessed of what was seen.

        Of each network from all others, and of the later half from the earlier: a search looks at
        other networks later on, and misses those by more. Only those that trained to the end
        count, where there are some: what is expected of the others was told by networks like them.
        """
        ended = self._extra.diagonal() == 0
        if ended.sum() < _TOLD:
            ended[:] = True
        alone = cho_solve(self._factor, np.eye(len(self._targets))).diagonal()
        widths = _width((self._solved / np.sqrt(alone))[ended])
        later = ended[len(ended) // 2 :]
        if later.any():
            widths = max(widths, _width(self._ahead()[later]))
        return float(np.clip(widths / _WIDTHS, 1, _WIDEST))

    def _ahead(self) -> Array:
        """Misses of the later half, in standard deviations of the guess."""
        middle = len(self._targets) // 2
        covariance = self._covariance(self.weights)
        earlier = cho_factor(covariance[:middle, :middle], lower=True)
        cross = covariance[middle:, :middle]
        missed = self._targets[middle:] - cross @ cho_solve(earlier, self._targets[:middle])
        explained = (cross * cho_solve(earlier, cross.T).T).sum(axis=1)
        spread = covariance.diagonal()[middle:] - explained
        return np.asarray(missed / np.sqrt(np.maximum(spread, _TINY)))

    def _place(self, networks: Seen) -> Seen:
        return Seen((networks.traits - self._shift) / self._spread, networks.decisions)

    @staticmethod
    def _compare(first: Seen, second: Seen) -> tuple[Array, Array, Array]:
        """Products and squared distances of traits, and the share of decisions that differ."""
        count = first.traits.shape[1]
        products = first.traits @ second.traits.T
        squares = (first.traits**2).sum(axis=1)[:, None] + (second.traits**2).sum(axis=1)
        distances = np.maximum(squares - 2 * products, 0) / count
        return products / count, distances, 1 - shared_decisions(first, second)

    def _fit(self) -> Array:
        found = minimize(
            self._loss,
            _PRIOR,
            jac=True,
            method="L-BFGS-B",
            bounds=WEIGHT_BOUNDS,
            options={"maxiter": _ITERATIONS},
        )
        return np.asarray(found.x if np.isfinite(found.fun) else _PRIOR, dtype=np.float64)

    def _loss(self, weights: Array) -> tuple[float, Array]:
        """How unlikely the targets are, and its gradient."""
        try:
            factor = cho_factor(self._covariance(weights), lower=True)
        except np.linalg.LinAlgError:
            return 1e9, np.zeros_like(weights)
        solved = cho_solve(factor, self._targets)
        off = (weights - _PRIOR) / _PRIOR_SD
        loss = self._targets @ solved / 2 + np.log(np.diag(factor[0])).sum() + off @ off / 2
        pull = cho_solve(factor, np.eye(len(solved))) - np.outer(solved, solved)
        slopes = [(pull * slope).sum() / 2 for slope in _kernel_slopes(weights, *self._gaps)]
        slopes.append(np.exp(weights[5]) * np.trace(pull) / 2)
        return float(loss), np.array(slopes) + off / _PRIOR_SD

    def _covariance(self, weights: Array) -> Array:
        noise = (np.exp(weights[5]) + _TINY) * np.eye(len(self._targets))
        found: Array = _kernel(weights, *self._gaps) + self._extra + noise
        return found


def _width(missed: Array) -> float:
    """Half of an interval around 0 that holds enough of these, were there another one, too."""
    last = min(len(missed) - 1, math.ceil(_LEVEL * (len(missed) + 1)) - 1)
    return float(np.sort(np.abs(missed))[last])


def _kernel(weights: Array, products: Array, distances: Array, differ: Array) -> Array:
    trend, smooth, picked = _parts(weights, products, distances, differ)
    return trend + smooth + picked


def _parts(
    weights: Array, products: Array, distances: Array, differ: Array
) -> tuple[Array, Array, Array]:
    """The trend, what smoothly differs from it, and what the decisions tell."""
    trend, smooth, reach, picked, picked_reach = np.exp(weights[:5])
    return (
        trend * products,
        smooth * np.exp(-distances / (2 * reach**2)),
        picked * np.exp(-differ / picked_reach),
    )


def _kernel_slopes(
    weights: Array, products: Array, distances: Array, differ: Array
) -> tuple[Array, ...]:
    """Of the kernel along each weight but the noise."""
    trend, smooth, picked = _parts(weights, products, distances, differ)
    along_reach = smooth * distances / np.exp(2 * weights[2])
    return trend, smooth, along_reach, picked, picked * differ / np.exp(weights[4])
