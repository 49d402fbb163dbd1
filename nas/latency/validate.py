"""How good a device's model is: each graph predicted by a model that never saw it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from nas.latency.accuracy import (
    Accuracy,
    Intervals,
    affine,
    measure_accuracy,
    measure_intervals,
    nearest,
)
from nas.latency.arrays import Array, Mask, rounded
from nas.latency.devices import Device
from nas.latency.fit import quantile
from nas.latency.fitting import folds
from nas.latency.kinds import fit_model, told_by_op
from nas.latency.model import LatencyModel
from nas.latency.models import AnyLatencyModel
from nas.latency.rows import Rows
from nas.readers.cost import count_parameters

__all__ = ["OP_PARTS", "Unseen", "Validation", "validate"]

OP_PARTS = 10  # into which networks told op by op are divided


@dataclass(frozen=True)
class Unseen:
    """Predictions of rows by models fitted without them; all in milliseconds."""

    predicted: Array
    low: Array
    high: Array


@dataclass(frozen=True)
class Validation:
    """A model's record.

    Args:
        model: Fitted to all rows.
        rows: What it was fitted to.
        unseen: Each row predicted without the part that it was left out with, all choices repeated.
        accuracies: By predictor, this model first; all leave the same groups out.
        intervals: Of `unseen`.
    """

    model: AnyLatencyModel
    rows: Rows
    unseen: Unseen
    accuracies: dict[str, Accuracy]
    intervals: Intervals


def validate(device: Device, rows: Rows, parent: AnyLatencyModel | None = None) -> Validation:
    """Leaves rows out, and fits with every choice made anew.

    One group is left out at a time; of networks whose time is known op by op, which are more and
    whose fit takes longer, a tenth of the groups.
    """
    unseen = Unseen(*(np.empty(len(rows)) for _ in range(3)))
    distances = np.empty(len(rows))
    for out in _left_out(rows):
        without = fit_model(device, rows.only(~out), parent)
        times, spreads = without.estimate_graphs(rows.only(out).graphs)
        factors = np.exp(without.log_half_width * spreads)
        unseen.predicted[out] = times
        unseen.low[out], unseen.high[out] = times / factors, times * factors
        distances[out] = np.abs(np.log(times / rows.times[out])) / spreads
    model = fit_model(device, rows, parent)
    if isinstance(model, LatencyModel):
        # The form was chosen for small misses, so those that it was chosen by are too small.
        model = replace(model, log_half_width=rounded(quantile(distances)))
    accuracy = measure_accuracy(unseen.predicted, rows.times)
    return Validation(
        model=model,
        rows=rows,
        unseen=unseen,
        accuracies={"this model": accuracy, **_baselines(rows)},
        intervals=measure_intervals(unseen.low, unseen.high, unseen.predicted, rows.times),
    )


def _left_out(rows: Rows) -> Iterator[Mask]:
    return folds(rows.groups, most=OP_PARTS if told_by_op(rows) else len(rows))


def _baselines(rows: Rows) -> dict[str, Accuracy]:
    macs = rows.design(["macs"])[:, 0]
    parameters = np.array([float(count_parameters(graph)) for graph in rows.graphs])
    found = {name: np.empty(len(rows)) for name in ("MACs", "parameters", "nearest", "mean")}
    for out in _left_out(rows):
        times = rows.times[~out]
        found["MACs"][out] = affine(macs[~out], times, macs[out])
        found["parameters"][out] = affine(parameters[~out], times, parameters[out])
        found["nearest"][out] = nearest(rows.features[~out], times, rows.features[out])
        found["mean"][out] = np.exp(np.log(times).mean())
    accuracies = {name: measure_accuracy(ms, rows.times) for name, ms in found.items()}
    # Without a slow network the mean of the others is low, so left-out means would rank backwards.
    accuracies["mean"] = replace(accuracies["mean"], spearman=0.0, kendall=0.0)
    return accuracies
