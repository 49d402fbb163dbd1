"""What each op of a network costs: by a law, by what that missed of like ops, or nothing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np

from nas.latency.arrays import Array
from nas.latency.op_residual import OpResidual
from nas.latency.op_terms import TERMS, Law, design, law_costs
from nas.readers.kernels import Kernel

__all__ = ["OpClass", "OpCosts", "class_of", "data_of", "ops_of"]

AMID = 0.05  # deviation of the logarithm of a network's time where its ops were measured
OpClass = tuple[str, bool, str, str, bool]


def class_of(kernel: Kernel) -> OpClass:
    """What decides whether an op costs anything: some are done by the op before, or by no op."""
    return kernel.kind, kernel.fused, kernel.reads, kernel.writes, kernel.copied > 0


@dataclass(frozen=True)
class OpCosts:
    """Milliseconds of single ops.

    Args:
        law: As it was chosen.
        coefficients: Milliseconds per unit of each of `TERMS`.
        residual: What the law missed of measured ops.
        free: Classes of ops that were seen to cost nothing.
        paid: Classes that were seen to cost something.
    """

    law: Law
    coefficients: tuple[float, ...]
    residual: OpResidual
    free: frozenset[OpClass]
    paid: frozenset[OpClass]

    def is_free(self, kernel: Kernel) -> bool:
        """Of a class that was not seen, whether all that was seen of its kind is free."""
        found = class_of(kernel)
        if found in self.free or found in self.paid:
            return found in self.free
        return kernel.kind in self._free_kinds

    def by_law(self, kernels: Sequence[Kernel]) -> Array:
        """What the law says of ops that are not free."""
        return law_costs(design(kernels, self.law), np.array(self.coefficients), self.law)[0]

    def at(self, kernels: Sequence[Kernel]) -> Array:
        """Of each op."""
        found = np.zeros(len(kernels))
        if paid := [place for place, kernel in enumerate(kernels) if not self.is_free(kernel)]:
            asked = [kernels[place] for place in paid]
            found[paid] = self.by_law(asked) * np.exp(
                self.residual.shifts(self.residual.near(asked))
            )
        return found

    def network(self, kernels: Sequence[Kernel]) -> tuple[float, float]:
        """The time of all ops, and how many times wider than amid measured ops it is open."""
        counts = Counter(kernel for kernel in kernels if not self.is_free(kernel))
        distinct = list(counts)
        near = self.residual.near(distinct)
        costs = self.by_law(distinct) * np.exp(self.residual.shifts(near))
        shares = costs * np.array(list(counts.values()))
        latency_ms = float(shares.sum())
        deviation = self.residual.deviation(distinct, near, shares / latency_ms)
        return latency_ms, max(1.0, deviation / AMID)

    @cached_property
    def _free_kinds(self) -> frozenset[str]:
        return frozenset(c[0] for c in self.free) - frozenset(c[0] for c in self.paid)


def data_of(ops: OpCosts) -> dict[str, Any]:
    """As JSON can hold it."""
    return {
        "law": asdict(ops.law),
        "coefficients": dict(zip(TERMS, ops.coefficients, strict=True)),
        "kernel": [each.name for each in fields(Kernel)],
        "kernels": [astuple(kernel) for kernel in ops.residual.kernels],
        "misses": ops.residual.misses,
        "free": sorted(ops.free),
        "paid": sorted(ops.paid),
    }


def ops_of(data: dict[str, Any]) -> OpCosts:
    """What `data_of` made data of.

    Raises:
        ValueError: Other terms or facts of kernels than this version knows, or one that is not
            positive; or KeyError or TypeError.
    """
    coefficients = data["coefficients"]
    if tuple(coefficients) != tuple(TERMS) or not all(ms > 0 for ms in coefficients.values()):
        raise ValueError(f"unknown terms or coefficients of 0 among {', '.join(coefficients)}")
    if data["kernel"] != [each.name for each in fields(Kernel)]:
        raise ValueError(f"unknown facts of kernels among {', '.join(data['kernel'])}")
    kernels = tuple(Kernel(*values) for values in data["kernels"])
    if len(kernels) != len(data["misses"]):
        raise ValueError(f"{len(kernels)} kernels and {len(data['misses'])} misses")
    return OpCosts(
        law=Law(**data["law"]),
        coefficients=tuple(coefficients.values()),
        residual=OpResidual(kernels, tuple(data["misses"])),
        free=frozenset(map(_class_of, data["free"])),
        paid=frozenset(map(_class_of, data["paid"])),
    )


def _class_of(values: list[Any]) -> OpClass:
    kind, fused, reads, writes, copies = values
    return kind, fused, reads, writes, copies
