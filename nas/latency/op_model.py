"""The latency model of a device whose back-end tells what each op takes: a sum over ops.

It has the face of `LatencyModel`. Asking it imports numpy alone; `nas.latency.op_fit` makes it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from nas.errors import DeviceError
from nas.graph import Graph
from nas.latency.arrays import Array
from nas.latency.coverage import check_covered, op_kinds, thin_share
from nas.latency.model import Prediction, Share, open_interval
from nas.latency.op_costs import OpCosts, data_of, ops_of
from nas.latency.op_terms import Law
from nas.readers.kernels import Kernel, read_kernels

__all__ = ["KIND", "SCHEMA", "OpLatencyModel"]

KIND = "ops"  # in model.json, beside the models without a kind
SCHEMA = 1


@dataclass(frozen=True)
class OpLatencyModel:
    """latency = sum over ops of what a law says, times what like ops were missed by.

    Args:
        device: Its name.
        height: Of the low-resolution input, in pixels.
        width: Of the low-resolution input, in pixels.
        ops: What single ops cost.
        log_half_width: Of the interval amid measured networks.
        covered: Kinds of ops in the fitted rows, with the number of distinct graphs.
        way_to_measure: What a person does to have another kind covered.
        smallest_ms: Of the fitted rows.
        largest_ms: Of the fitted rows.
        metadata: How it was fitted; no prediction reads it.
    """

    device: str
    height: int
    width: int
    ops: OpCosts
    log_half_width: float
    covered: Mapping[str, int]
    way_to_measure: str
    smallest_ms: float
    largest_ms: float
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def form(self) -> Law:
        """What no coefficient says, as it was chosen."""
        return self.ops.law

    def predict(self, graph: Graph) -> Prediction:
        """Time of one inference, with its interval.

        The interval (`open_interval`) widens with what is open about the ops, and by up to two
        where the bytes come from thinly covered ones.

        Raises:
            UncoveredOpError: An op of a kind that no fitted row holds.
        """
        check_covered(graph, self.covered, device=self.device, hint=self.way_to_measure)
        latency_ms, spread = self.ops.network(self._kernels(graph))
        thin = thin_share(graph, graph.shapes(self.height, self.width), self.covered)
        return open_interval(
            latency_ms,
            log_half_width=self.log_half_width,
            novelty=spread * (1 + thin),
            smallest_ms=self.smallest_ms,
            largest_ms=self.largest_ms,
        )

    def estimate_graphs(self, graphs: Sequence[Graph]) -> tuple[Array, Array]:
        """Times in milliseconds, and the widening of their intervals, whatever is covered."""
        found = np.array([self.ops.network(self._kernels(graph)) for graph in graphs])
        return found.reshape(-1, 2)[:, 0], found.reshape(-1, 2)[:, 1]

    def breakdown(self, graph: Graph) -> tuple[Share, ...]:
        """What each node takes; raises `UncoveredOpError` as `predict` does."""
        check_covered(graph, self.covered, device=self.device, hint=self.way_to_measure)
        costs = self.ops.at(self._kernels(graph))
        return tuple(
            Share(position, kind, float(ms))
            for position, (kind, ms) in enumerate(zip(op_kinds(graph), costs, strict=True))
        )

    def _kernels(self, graph: Graph) -> tuple[Kernel, ...]:
        return read_kernels(graph, height=self.height, width=self.width)

    def to_json(self) -> str:
        """The model as data, without code."""
        data: dict[str, Any] = {"schema": SCHEMA, "kind": KIND}
        for each in fields(self):
            data[each.name] = getattr(self, each.name)
        return json.dumps(data | {"ops": data_of(self.ops)}) + "\n"

    @classmethod
    def from_json(cls, text: str, *, where: str = "model.json") -> "OpLatencyModel":
        """The model that `to_json` wrote.

        Raises:
            DeviceError: Not such a text, or of another schema; names `where`.
        """
        try:
            data = json.loads(text)
            schema, kind = data.pop("schema", None), data.pop("kind", None)
            if (schema, kind) != (SCHEMA, KIND):
                raise ValueError(f"schema {schema} of kind {kind}, and this reads {SCHEMA}, {KIND}")
            data["ops"] = ops_of(data["ops"])
            return cls(**data)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            hint = "make it again with `nas latency validate`"
            raise DeviceError(f"{where}: {error}", hint) from None
