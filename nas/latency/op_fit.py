"""Fits an op-level latency model to networks whose time is known node by node.

Every law is tried on left-out networks, the best is fitted to all. Coefficients are logarithms with
a normal prior: none is negative, and a term that no row tells about costs what like terms cost.
"""

import math
import platform
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy import optimize

from nas.latency.arrays import Array, Mask
from nas.latency.coverage import count_kinds
from nas.latency.devices import Device
from nas.latency.model import LEVEL
from nas.latency.op_costs import OpClass, OpCosts, class_of
from nas.latency.op_model import OpLatencyModel
from nas.latency.op_residual import OpResidual
from nas.latency.op_terms import LAWS, TERMS, Law, design, law_costs
from nas.latency.rows import Rows
from nas.readers.kernels import Kernel, read_kernels

__all__ = ["fit_op_model"]

_FOLDS = 5  # of the choice of a law
_NOISE = 0.05  # deviation of the logarithm of a network's time that a law leaves
_OP_NOISE = 0.2  # of an op's
_WIDE = 3.0  # deviation of the logarithm of what arithmetic, launches and values cost
_BETWEEN = 1.5  # of what the terms that count values cost, around each other
_TRANSFER = 1.0  # of all around another device's
_LARGEST_MISS = 0.4  # of a logarithm, that counts in the choice of a law
_STEPS = 60
_PARTS_OF_TIME = {"macs": 0.4, "launches": 0.02}  # before anything is known
_COUNTS_VALUES = np.array([name not in ("macs", "launches") for name in TERMS])


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
    fitting = _Fitting(_Table.of(device, rows), parent)
    law = fitting.choose()
    covered = (dict(parent.covered) if parent else {}) | count_kinds(rows.graphs)
    return OpLatencyModel(
        device=device.name,
        height=device.height,
        width=device.width,
        ops=fitting.ops(law),
        log_half_width=rounded(_quantile(fitting.distances(law))),
        covered=dict(sorted(covered.items())),
        way_to_measure=device.way_to_measure,
        smallest_ms=float(rows.times.min()),
        largest_ms=float(rows.times.max()),
        metadata=_metadata(rows, parent),
    )


@dataclass(frozen=True)
class _Table:
    """What was measured, op by op.

    Args:
        kernels: All that occur, each once.
        kernel_of: Of each measured op, its place among `kernels`.
        row_of: Of each measured op, that of its network.
        op_ms: Time of each measured op.
        times: Of the networks.
        groups: As in `Rows`.
    """

    kernels: tuple[Kernel, ...]
    kernel_of: NDArray[np.intp]
    row_of: NDArray[np.intp]
    op_ms: Array
    times: Array
    groups: NDArray[np.intp]

    @classmethod
    def of(cls, device: Device, rows: Rows) -> "_Table":
        found = [
            read_kernels(graph, height=device.height, width=device.width) for graph in rows.graphs
        ]
        places = {kernel: place for place, kernel in enumerate(dict.fromkeys(chain(*found)))}
        return cls(
            kernels=tuple(places),
            kernel_of=np.array([places[kernel] for kernels in found for kernel in kernels]),
            row_of=np.repeat(np.arange(len(rows)), [len(kernels) for kernels in found]),
            op_ms=np.concatenate(rows.node_ms),
            times=rows.times,
            groups=rows.groups,
        )

    def only(self, kept: Mask) -> "_Table":
        """The networks where `kept` is true, with all kernels."""
        ops = kept[self.row_of]
        return replace(
            self,
            kernel_of=self.kernel_of[ops],
            row_of=(np.cumsum(kept) - 1)[self.row_of[ops]],
            op_ms=self.op_ms[ops],
            times=self.times[kept],
            groups=self.groups[kept],
        )

    @cached_property
    def counts(self) -> Array:
        """How often each kernel occurs, networks x kernels."""
        found = np.zeros((len(self.times), len(self.kernels)))
        np.add.at(found, (self.row_of, self.kernel_of), 1)
        return found

    @cached_property
    def mean_ms(self) -> Array:
        """Of each kernel; 0 where it does not occur."""
        spent = np.bincount(self.kernel_of, self.op_ms, minlength=len(self.kernels))
        return spent / np.maximum(self.counts.sum(axis=0), 1)

    @cached_property
    def classes(self) -> tuple[frozenset[OpClass], frozenset[OpClass]]:
        """Those of which most ops are free, and the others."""
        times: dict[OpClass, list[float]] = {}
        for place, ms in zip(self.kernel_of, self.op_ms, strict=True):
            times.setdefault(class_of(self.kernels[place]), []).append(ms)
        free = frozenset(name for name, seen in times.items() if np.median(seen) == 0)
        return free, frozenset(times) - free


class _Fitting:
    def __init__(self, table: _Table, parent: OpLatencyModel | None) -> None:
        self.table, self.parent = table, parent
        self._designs: dict[Law, Array] = {}

    def choose(self) -> Law:
        """The law that misses left-out networks least."""
        laws = [self.parent.ops.law] if False and self.parent else LAWS
        return min(laws, key=self._loss)

    def _loss(self, law: Law) -> float:
        misses = []
        for out in _folds(self.table.groups):
            ops = self.ops(law, self.table.only(~out), learn=False)
            predicted = self.network_ms(ops, self.table.only(out))
            misses.append(np.log(predicted / self.table.times[out]))
        return float(np.minimum(np.abs(np.concatenate(misses)), _LARGEST_MISS).mean())

    def distances(self, law: Law) -> Array:
        """Misses of left-out networks, in widths of the interval."""
        found = np.empty(len(self.table.times))
        for out in _folds(self.table.groups):
            ops = self.ops(law, self.table.only(~out))
            left = self.table.only(out)
            for row, place in enumerate(np.flatnonzero(out)):
                kernels = [left.kernels[k] for k in left.kernel_of[left.row_of == row]]
                latency_ms, spread = ops.network(kernels)
                found[place] = abs(np.log(latency_ms / left.times[row])) / spread
        return found

    def network_ms(self, ops: OpCosts, table: _Table) -> Array:
        free = np.array([ops.is_free(kernel) for kernel in table.kernels])
        costs = law_costs(self._design(ops.law), np.array(ops.coefficients), ops.law)[0]
        found: Array = table.counts @ np.where(free, 0, costs)
        return found

    def ops(self, law: Law, table: _Table | None = None, *, learn: bool = True) -> OpCosts:
        """Fitted to `table`; without what the law misses unless `learn`."""
        table = table or self.table
        free, paid = table.classes
        used = (table.mean_ms > 0) & np.array([class_of(k) not in free for k in table.kernels])
        rows, measured = self._design(law)[used], table.mean_ms[used]
        coefficients = _coefficients(
            rows,
            measured,
            table.counts[:, used],
            times=table.times,
            law=law,
            prior=self._prior(table),
        )
        misses = np.log(measured / law_costs(rows, coefficients, law)[0])
        seen = [k for k, use in zip(table.kernels, used, strict=True) if use]
        residual = (
            OpResidual(tuple(seen), tuple(map(rounded, misses))) if learn else OpResidual((), ())
        )
        return OpCosts(law, tuple(map(rounded, coefficients)), residual, free, paid)

    def _design(self, law: Law) -> Array:
        if law not in self._designs:
            self._designs[law] = design(self.table.kernels, law)
        return self._designs[law]

    def _prior(self, table: _Table) -> Array | None:
        """Coefficients of the parent, at the speed of this device."""
        if not self.parent:
            return None
        theirs = self.parent.ops
        size = self._design(theirs.law)
        there = law_costs(size, np.array(theirs.coefficients), theirs.law)[0]
        free = np.array([class_of(k) in table.classes[0] for k in table.kernels])
        speed = np.exp(np.median(np.log(table.times / (table.counts @ np.where(free, 0, there)))))
        found: Array = speed * np.array(theirs.coefficients)
        return found


def _coefficients(
    rows: Array, measured: Array, counts: Array, *, times: Array, law: Law, prior: Array | None
) -> Array:
    """Of a law, from the times of single ops and of networks.

    The unknowns are a logarithm for each term, and one that all terms that count values share.
    """
    shared = _COUNTS_VALUES.astype(float)
    if prior is None:
        scales = counts.sum(axis=0) @ rows
        part = times.sum() * np.array([_PARTS_OF_TIME.get(name, 0.0) for name in TERMS])
        values = 0.3 * times.sum() / max(scales[_COUNTS_VALUES].sum(), 1e-300)
        start = np.log(np.where(_COUNTS_VALUES, values, part / np.maximum(scales, 1e-300)) + 1e-300)
        deviations = np.append(np.where(_COUNTS_VALUES, _BETWEEN, _WIDE), _WIDE)
    else:
        start, deviations = np.log(prior), np.full(len(TERMS) + 1, _TRANSFER)

    def split(unknown: Array) -> Array:
        return np.exp(np.clip(start + unknown[:-1] + unknown[-1] * shared, -60, 40))

    def slopes(found: Array) -> Array:
        return np.column_stack([found, found @ shared])

    def errors(unknown: Array) -> Array:
        costs, _ = law_costs(rows, split(unknown), law)
        return np.concatenate(
            [
                np.log(counts @ costs / times) / _NOISE,
                np.log(costs / measured) / _OP_NOISE,
                unknown / deviations,
            ]
        )

    def jacobian(unknown: Array) -> Array:
        costs, by_term = law_costs(rows, split(unknown), law)
        totals = counts @ by_term / (counts @ costs)[:, None] / _NOISE
        ops = by_term / costs[:, None] / _OP_NOISE
        return np.vstack([slopes(totals), slopes(ops), np.diag(1 / deviations)])

    found = optimize.least_squares(
        errors, np.zeros(len(start) + 1), jacobian, method="lm", max_nfev=_STEPS
    )
    return split(found.x)


def _folds(groups: NDArray[np.intp]) -> Iterator[Mask]:
    """Masks of rows to leave out, whole groups at a time."""
    distinct = np.unique(groups)
    count = min(len(distinct), _FOLDS)
    for fold in range(count):
        yield np.isin(groups, distinct[fold::count])


def _quantile(distances: Array) -> float:
    """Of `LEVEL`, with the correction for few rows of split conformal prediction."""
    rank = min(math.ceil((len(distances) + 1) * LEVEL), len(distances))
    return float(np.sort(distances)[rank - 1])


def _metadata(rows: Rows, parent: OpLatencyModel | None) -> dict[str, object]:
    return {
        "distinct_graphs": len(rows),
        "parent": parent.device if parent else None,
        "interval_level": LEVEL,
        "seed": None,  # nothing is drawn
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
    }


def rounded(value: float) -> float:
    return float(f"{value:.6g}")  # below what another BLAS changes
