"""How good a model is on networks that were measured to test it, and never fitted."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from nas.latency.accuracy import Accuracy, Intervals, measure_accuracy, measure_intervals
from nas.latency.coverage import UncoveredOpError
from nas.latency.model import Prediction
from nas.latency.models import AnyLatencyModel
from nas.latency.records import Record

__all__ = ["KEPT_BACK", "Fresh", "judge"]

KEPT_BACK = "kept back to test the model"  # a row's reason not to be fitted


@dataclass(frozen=True)
class Fresh:
    """A model's record on networks kept back.

    Args:
        graphs: Distinct networks that it predicts.
        refused: Further ones, with ops that it does not cover.
        accuracy: On those that it predicts.
        intervals: Of the same.
    """

    graphs: int
    refused: int
    accuracy: Accuracy
    intervals: Intervals


def judge(model: AnyLatencyModel, records: Iterable[Record]) -> Fresh | None:
    """The record of `model` on the networks of `records` that were kept back.

    A network that another row fits is left out; one measured several times has the median time.
    None where there is no network that it can predict.
    """
    fitted, alike = set(), dict[str, list[Record]]()
    for record in records:
        if record.graph is None:
            continue
        if record.used_for_fit:
            fitted.add(record.graph.deployed.digest)
        elif record.why_not == KEPT_BACK:
            alike.setdefault(record.graph.deployed.digest, []).append(record)
    measured: list[float] = []
    found: list[Prediction] = []
    unseen = [same for digest, same in alike.items() if digest not in fitted]
    for same in unseen:
        if (prediction := _predict(model, same[0])) is not None:
            found.append(prediction)
            measured.append(float(np.median([record.latency_ms for record in same])))
    if not found:
        return None
    times, low, high = (
        np.array([getattr(prediction, name) for prediction in found])
        for name in ("latency_ms", "low_ms", "high_ms")
    )
    return Fresh(
        graphs=len(found),
        refused=len(unseen) - len(found),
        accuracy=measure_accuracy(times, np.array(measured)),
        intervals=measure_intervals(low, high, times, np.array(measured)),
    )


def _predict(model: AnyLatencyModel, record: Record) -> Prediction | None:
    try:
        return model.predict(record.graph) if record.graph else None
    except UncoveredOpError:
        return None
