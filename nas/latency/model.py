"""The latency model of one device: a sum of non-negative terms, a residual, and an interval.

Asking it imports numpy alone; `nas.latency.fit` makes it.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from nas.errors import DeviceError
from nas.graph import Graph
from nas.latency.arrays import Array
from nas.latency.coverage import check_covered, op_kinds, thin_share
from nas.latency.form import Form
from nas.latency.residual import Residual, place_of
from nas.readers.features import FEATURE_NAMES, read_node_features, values_of

__all__ = [
    "LEVEL",
    "PER_CENT",
    "SCHEMA",
    "LatencyModel",
    "Prediction",
    "Share",
    "open_interval",
]

LEVEL = 0.8  # of the interval
PER_CENT = f"{100 * LEVEL:.0f} %"  # of times lie in their interval
SCHEMA = 2  # of model.json


@dataclass(frozen=True, slots=True)
class Prediction:
    """Time of one inference in milliseconds, with the 80 % interval around it.

    Args:
        latency_ms: As predicted.
        low_ms: Lower end of the interval.
        high_ms: Upper end of the interval.
        novelty: How many times wider the interval is than amid measured networks; 1 at best.
    """

    latency_ms: float
    low_ms: float
    high_ms: float
    novelty: float


def open_interval(
    latency_ms: float,
    *,
    log_half_width: float,
    novelty: float,
    smallest_ms: float,
    largest_ms: float,
) -> Prediction:
    """A prediction with its interval.

    The interval is multiplicative, and reaches back to the measured range where the prediction lies
    outside: nobody has seen that such times exist.

    Args:
        latency_ms: As predicted.
        log_half_width: Of the interval amid measured networks.
        novelty: How many times wider it is.
        smallest_ms: Of the measured range.
        largest_ms: Of the measured range.
    """
    factor = math.exp(log_half_width * novelty)
    return Prediction(
        latency_ms=latency_ms,
        low_ms=min(latency_ms / factor, largest_ms),
        high_ms=max(latency_ms * factor, smallest_ms),
        novelty=novelty,
    )


@dataclass(frozen=True, slots=True)
class Share:
    """What one op takes of a network's time.

    Args:
        position: Of its node; the input's share is what any inference costs.
        kind: Of the op, as `op_kind` names it.
        latency_ms: All shares add up to the prediction.
    """

    position: int
    kind: str
    latency_ms: float


@dataclass(frozen=True)
class LatencyModel:
    """latency = sum of coefficient x term, times what networks like it were missed by.

    Args:
        device: Its name.
        height: Of the low-resolution input, in pixels.
        width: Of the low-resolution input, in pixels.
        form: As it was chosen.
        coefficients: Milliseconds per unit of each of the form's terms; none is negative.
        places: Of the fitted networks (`place_of`).
        misses: Logarithms of measured over structural time of each of them.
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
    form: Form
    coefficients: Mapping[str, float]
    places: tuple[tuple[float, ...], ...]
    misses: tuple[float, ...]
    log_half_width: float
    covered: Mapping[str, int]
    way_to_measure: str
    smallest_ms: float
    largest_ms: float
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if tuple(self.coefficients) != self.form.terms or min(self.coefficients.values()) < 0:
            raise DeviceError(
                f"model of {self.device}: unknown terms or negative coefficients among "
                f"{', '.join(self.coefficients)}",
                f"run `nas latency validate {self.device}`",
            )

    def predict(self, graph: Graph) -> Prediction:
        """Time of one inference, with its interval.

        The interval (`open_interval`) widens with the distance from the fitted networks, and by up
        to two where the bytes come from thinly covered ops.

        Raises:
            UncoveredOpError: An op of a kind that no fitted row holds.
        """
        check_covered(graph, self.covered, device=self.device, hint=self.way_to_measure)
        latency, spread = self.estimate(self._node_features(graph).sum(axis=0)[None])
        thin = thin_share(graph, graph.shapes(self.height, self.width), self.covered)
        return open_interval(
            float(latency[0]),
            log_half_width=self.log_half_width,
            novelty=float(spread[0]) * (1 + thin),
            smallest_ms=self.smallest_ms,
            largest_ms=self.largest_ms,
        )

    def estimate(self, features: Array) -> tuple[Array, Array]:
        """Times in milliseconds, and the widening of their intervals, whatever is covered.

        Args:
            features: Networks x `FEATURE_NAMES`.
        """
        costs = self._costs(features)
        shift, spread = self._residual.at(place_of(costs))
        return costs.sum(axis=1) * np.exp(shift), spread

    def estimate_graphs(self, graphs: Sequence[Graph]) -> tuple[Array, Array]:
        """The same, for networks."""
        rows = [self._node_features(graph).sum(axis=0) for graph in graphs]
        return self.estimate(np.array(rows).reshape(len(rows), len(FEATURE_NAMES)))

    def breakdown(self, graph: Graph) -> tuple[Share, ...]:
        """What each node takes; raises `UncoveredOpError` as `predict` does."""
        latency_ms = self.predict(graph).latency_ms
        structural = self._costs(self._node_features(graph)).sum(axis=1)
        shares = structural / structural.sum() * latency_ms
        return tuple(
            Share(position, kind, float(ms))
            for position, (kind, ms) in enumerate(zip(op_kinds(graph), shares, strict=True))
        )

    def _node_features(self, graph: Graph) -> Array:
        rows = read_node_features(graph, height=self.height, width=self.width)
        return np.array([values_of(row) for row in rows])

    def _costs(self, features: Array) -> Array:
        found: Array = features[:, self._places_of_terms] * self._vector
        return found

    @cached_property
    def _places_of_terms(self) -> list[int]:
        return [FEATURE_NAMES.index(name) for name in self.coefficients]

    @cached_property
    def _vector(self) -> Array:
        return np.array(list(self.coefficients.values()))

    @cached_property
    def _residual(self) -> Residual:
        places, misses = np.array(self.places), np.array(self.misses)
        return Residual(places, misses, self.form.strength, self.form.reach)

    def to_json(self) -> str:
        """The model as data, without code."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str, *, where: str = "model.json") -> "LatencyModel":
        """The model that `to_json` wrote.

        Raises:
            DeviceError: Not such a text, or of another schema; names `where`.
        """
        try:
            data = json.loads(text)
            if (schema := data.pop("schema", 1)) != SCHEMA:
                raise ValueError(f"schema {schema}, and this version reads {SCHEMA}")
            data["form"] = Form(**data["form"])
            data["places"] = tuple(map(tuple, data["places"]))
            data["misses"] = tuple(data["misses"])
            return cls(**data)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            hint = "make it again with `nas latency validate`"
            raise DeviceError(f"{where}: {error}", hint) from None
