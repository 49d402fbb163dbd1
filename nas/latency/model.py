"""The latency model of one device: a sum of non-negative terms, and an interval around it.

Asking it imports nothing heavy; `nas.latency.fit` makes it.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from nas.errors import DeviceError
from nas.graph import Graph
from nas.latency.coverage import check_covered, thin_share
from nas.readers.features import FEATURE_NAMES, Features, read_features

__all__ = ["LEVEL", "LatencyModel", "Prediction"]

LEVEL = 0.9  # of the interval
Vector = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Prediction:
    """Time of one inference in milliseconds, with the 90 % interval around it."""

    latency_ms: float
    low_ms: float
    high_ms: float


@dataclass(frozen=True)
class LatencyModel:
    """latency = sum of coefficient x term.

    Args:
        device: Its name.
        height: Of the low-resolution input, in pixels.
        width: Of the low-resolution input, in pixels.
        coefficients: Milliseconds per unit of each feature; none is negative.
        covered: Kinds of ops in the fitted rows, with the number of distinct graphs.
        log_half_width: Of the interval where the fitted rows determine the prediction fully.
        gram_inverse: Of the fit, in the order of `coefficients`, for features divided by the
            predicted time; says how far a network lies from the fitted rows.
        smallest_ms: Of the fitted rows.
        largest_ms: Of the fitted rows.
        metadata: How it was fitted; no prediction reads it.
    """

    device: str
    height: int
    width: int
    coefficients: Mapping[str, float]
    covered: Mapping[str, int]
    log_half_width: float
    gram_inverse: tuple[Vector, ...]
    smallest_ms: float
    largest_ms: float
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = sorted(set(self.coefficients) - set(FEATURE_NAMES))
        if unknown or any(value < 0 for value in self.coefficients.values()):
            raise DeviceError(
                f"model of {self.device}: unknown feature or negative coefficient"
                f" in {', '.join(unknown or self.coefficients)}",
                f"run `nas latency fit {self.device}`",
            )

    def predict(self, graph: Graph) -> Prediction:
        """Time of one inference, with its interval.

        The interval is multiplicative. It widens with the distance from the fitted rows, by up to
        two where the bytes come from thinly covered ops, and reaches back to the measured range
        where the prediction lies outside: nobody has seen that such times exist.

        Raises:
            UncoveredOpError: An op of a kind that no fitted row holds.
        """
        check_covered(graph, self.covered, device=self.device)
        features = read_features(graph, height=self.height, width=self.width)
        latency_ms = self.estimate(features)
        thin = thin_share(graph, graph.shapes(self.height, self.width), self.covered)
        spread = math.sqrt(1 + self.leverage(features)) * (1 + thin)
        factor = math.exp(self.log_half_width * spread)
        return Prediction(
            latency_ms=latency_ms,
            low_ms=min(latency_ms / factor, self.largest_ms),
            high_ms=max(latency_ms * factor, self.smallest_ms),
        )

    def estimate(self, features: Features) -> float:
        """The sum of terms in milliseconds, whether or not the ops are covered."""
        values: list[float] = [getattr(features, name) for name in self.coefficients]
        return sum(c * x for c, x in zip(self.coefficients.values(), values, strict=True))

    def leverage(self, features: Features) -> float:
        """How far from the fitted rows: about 0 amid them, over 1 outside."""
        latency_ms = self.estimate(features)
        row: list[float] = [getattr(features, name) / latency_ms for name in self.coefficients]
        products = (
            x * sum(g * z for g, z in zip(line, row, strict=True))
            for x, line in zip(row, self.gram_inverse, strict=True)
        )
        return max(sum(products), 0.0)

    def to_json(self) -> str:
        """The model as data, without code."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str, *, where: str = "model.json") -> "LatencyModel":
        """The model that `to_json` wrote.

        Raises:
            DeviceError: Not such a text; names `where`.
        """
        try:
            data = json.loads(text)
            data["gram_inverse"] = tuple(map(tuple, data["gram_inverse"]))
            return cls(**data)
        except (ValueError, KeyError, TypeError) as error:
            raise DeviceError(f"{where}: {error}", "refit with `nas latency fit`") from None
