"""Makes an op-level latency model: fits every law, keeps the one that leaves least to chance.

`validate` repeats all of this without a part of the networks, so no choice has seen what it is
judged by.
"""

import numpy as np

from nas.latency.arrays import Array, Mask, rounded
from nas.latency.coverage import count_kinds
from nas.latency.devices import Device
from nas.latency.fitting import folds, metadata_of
from nas.latency.model import LEVEL
from nas.latency.op_costs import OpClass, OpCosts, class_of
from nas.latency.op_model import OpLatencyModel
from nas.latency.op_residual import OpResidual
from nas.latency.op_rows import OpRows, op_rows_of
from nas.latency.op_structure import fit_law
from nas.latency.op_terms import LAWS, Law, design, law_costs
from nas.latency.rows import Rows

__all__ = ["fit_op_model"]

_FOLDS = 40  # at most, for the interval; more networks share a fold


def fit_op_model(
    device: Device, rows: Rows, parent: OpLatencyModel | None = None
) -> OpLatencyModel:
    """The model of `device`.

    Args:
        device: Whose rows these are.
        rows: Measured networks; each has `node_ms`.
        parent: A model of another device, whose coefficients, brought to this device's speed,
            hold as far as the rows do not contradict.
    """
    measured = op_rows_of(rows, height=device.height, width=device.width)
    fitting = _Fitting(measured, parent)
    law = fitting.choose()
    covered = (dict(parent.covered) if parent else {}) | count_kinds(rows.graphs)
    return OpLatencyModel(
        device=device.name,
        height=device.height,
        width=device.width,
        ops=fitting.ops(law, measured),
        log_half_width=rounded(float(np.quantile(fitting.distances(law), LEVEL))),
        covered=dict(sorted(covered.items())),
        way_to_measure=device.way_to_measure,
        smallest_ms=float(rows.times.min()),
        largest_ms=float(rows.times.max()),
        metadata=metadata_of(rows, parent),
    )


class _Fitting:
    def __init__(self, rows: OpRows, parent: OpLatencyModel | None) -> None:
        self.rows, self.parent = rows, parent
        self._designs: dict[Law, Array] = {}

    def choose(self) -> Law:
        """The law whose misses of single ops are the most likely.

        Left-out networks would tell as much where there are forty, and too little where there are
        eight.
        """
        return max(LAWS, key=lambda law: self.ops(law, self.rows).residual.evidence)

    def distances(self, law: Law) -> Array:
        """Misses of left-out networks, in widths of the interval.

        Networks that were chosen to show what others do not are missed more than most, so their
        quantile needs no correction for their small number.
        """
        found = np.empty(len(self.rows.times))
        for out in folds(self.rows.groups, most=_FOLDS):
            ops, left = self.ops(law, self.rows.only(~out)), self.rows.only(out)
            for row, place in enumerate(np.flatnonzero(out)):
                latency_ms, spread = ops.network(left.network(row))
                found[place] = abs(np.log(latency_ms / left.times[row])) / spread
        return found

    def ops(self, law: Law, rows: OpRows) -> OpCosts:
        """Fitted to `rows`."""
        free, paid = rows.classes
        used = (rows.mean_ms > 0) & ~_of_class(rows, free)
        terms, op_ms = self._design(law)[used], rows.mean_ms[used]
        coefficients = fit_law(
            law,
            terms,
            op_ms,
            counts=rows.counts[:, used],
            times=rows.times,
            prior=self._prior(rows),
        )
        misses = np.log(op_ms / law_costs(terms, coefficients, law)[0])
        kernels = tuple(rows.kernels[place] for place in np.flatnonzero(used))
        residual = OpResidual(kernels, tuple(map(rounded, misses)))
        return OpCosts(law, tuple(map(rounded, coefficients)), residual, free, paid)

    def _prior(self, rows: OpRows) -> Array | None:
        """Coefficients of the parent, at the speed of this device."""
        if not self.parent:
            return None
        law, theirs = self.parent.ops.law, np.array(self.parent.ops.coefficients)
        costs = law_costs(self._design(law), theirs, law)[0]
        there = rows.counts @ np.where(_of_class(rows, rows.classes[0]), 0.0, costs)
        found: Array = theirs * np.exp(np.median(np.log(rows.times / there)))
        return found

    def _design(self, law: Law) -> Array:
        if law not in self._designs:
            self._designs[law] = design(self.rows.kernels, law)
        return self._designs[law]


def _of_class(rows: OpRows, classes: frozenset[OpClass]) -> Mask:
    return np.array([class_of(kernel) in classes for kernel in rows.kernels])
