"""The coefficients of a law, from the times of single ops and of the networks that they make up.

Their logarithms are fitted, with a normal prior: none is negative, and a term that no row tells
about costs what like terms cost.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from nas.latency.arrays import Array
from nas.latency.op_terms import TERMS, Law, law_costs

__all__ = ["fit_law"]

_NOISE = 0.05  # deviation of the logarithm of a network's time that a law leaves
_OP_NOISE = 0.2  # of an op's
_WIDE = 3.0  # deviation of the logarithm of what arithmetic, launches and values cost
_BETWEEN = 1.5  # of what the terms that count values cost, around each other
_TRANSFER = 2.0  # of all around another device's
_SHARES = {"macs": 0.4, "launches": 0.02}  # of the time, before anything is known
_SHARE_OF_VALUES = 0.3
_UNHEARD_OF = 1e-12  # milliseconds for a unit of what no row has
_STEPS = 60
_COUNTS_VALUES = np.array([name not in _SHARES for name in TERMS], dtype=np.float64)


def fit_law(
    law: Law, rows: Array, op_ms: Array, *, counts: Array, times: Array, prior: Array | None
) -> Array:
    """Milliseconds per unit of each of `TERMS`.

    Args:
        law: That is fitted.
        rows: Of distinct ops, as `design` gives them.
        op_ms: What they take.
        counts: How often each occurs in each network, networks x ops.
        times: Of the networks, in milliseconds.
        prior: Another device's coefficients at this one's speed.
    """
    if prior is None:
        start, deviations = _start(counts.sum(axis=0) @ rows, float(times.sum())), _DEVIATIONS
    else:
        start, deviations = np.log(prior), np.full(len(TERMS) + 1, _TRANSFER)
    problem = _Problem(law, rows, op_ms, counts, times, start, deviations)
    found = optimize.least_squares(
        problem.errors, np.zeros(len(deviations)), problem.slopes, method="lm", max_nfev=_STEPS
    )
    return problem.coefficients(np.asarray(found.x))


_DEVIATIONS = np.append(np.where(_COUNTS_VALUES, _BETWEEN, _WIDE), _WIDE)


def _start(sums: Array, total_ms: float) -> Array:
    """Logarithms of coefficients that divide the time among the terms as is usual.

    Args:
        sums: Of each term, over all networks.
        total_ms: Time of all networks.
    """
    values = _SHARE_OF_VALUES / max(float(sums @ _COUNTS_VALUES), 1.0)
    shares = np.array([_SHARES.get(name, 0.0) for name in TERMS])
    found = np.where(_COUNTS_VALUES, values, shares / np.maximum(sums, 1.0))
    return np.log(np.maximum(found * total_ms, _UNHEARD_OF))


@dataclass(frozen=True)
class _Problem:
    """Unknown are a logarithm for each term, and one that all terms that count values share.

    Args:
        law: As of `fit_law`, and so are those not named here.
        start: Logarithms of the coefficients where all unknowns are 0.
        deviations: Of the unknowns, before anything is measured.
    """

    law: Law
    rows: Array
    op_ms: Array
    counts: Array
    times: Array
    start: Array
    deviations: Array

    def coefficients(self, unknown: Array) -> Array:
        logarithms = self.start + unknown[:-1] + unknown[-1] * _COUNTS_VALUES
        found: Array = np.exp(np.clip(logarithms, -60, 40))
        return found

    def errors(self, unknown: Array) -> Array:
        costs, _ = law_costs(self.rows, self.coefficients(unknown), self.law)
        networks = np.log(self.counts @ costs / self.times) / _NOISE
        ops = np.log(costs / self.op_ms) / _OP_NOISE
        return np.concatenate([networks, ops, unknown / self.deviations])

    def slopes(self, unknown: Array) -> Array:
        costs, by_term = law_costs(self.rows, self.coefficients(unknown), self.law)
        networks = self.counts @ by_term / (self.counts @ costs)[:, None] / _NOISE
        ops = by_term / costs[:, None] / _OP_NOISE
        measured = np.vstack([networks, ops])
        by_unknown = np.column_stack([measured, measured @ _COUNTS_VALUES])
        return np.vstack([by_unknown, np.diag(1 / self.deviations)])
