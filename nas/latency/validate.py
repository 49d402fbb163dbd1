"""How good a device's model is: each graph predicted by a model that never saw it."""

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
from nas.latency.arrays import Array
from nas.latency.devices import Device
from nas.latency.fit import fit_model
from nas.latency.model import LatencyModel
from nas.latency.rows import Rows
from nas.readers.cost import count_parameters

__all__ = ["Unseen", "Validation", "validate"]


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
        unseen: Each row predicted without its group, all choices repeated.
        accuracies: By predictor, this model first; all leave the same groups out.
        intervals: Of `unseen`.
    """

    model: LatencyModel
    rows: Rows
    unseen: Unseen
    accuracies: dict[str, Accuracy]
    intervals: Intervals


def validate(device: Device, rows: Rows, parent: LatencyModel | None = None) -> Validation:
    """Leaves one group of rows out at a time, and fits with every choice made anew."""
    unseen = Unseen(*(np.empty(len(rows)) for _ in range(3)))
    for group in np.unique(rows.groups):
        out = rows.groups == group
        without = fit_model(device, rows.only(~out), parent)
        times, spreads = without.estimate(rows.features[out])
        factors = np.exp(without.log_half_width * spreads)
        unseen.predicted[out] = times
        unseen.low[out], unseen.high[out] = times / factors, times * factors
    accuracy = measure_accuracy(unseen.predicted, rows.times)
    return Validation(
        model=fit_model(device, rows, parent),
        rows=rows,
        unseen=unseen,
        accuracies={"this model": accuracy, **_baselines(rows)},
        intervals=measure_intervals(unseen.low, unseen.high, unseen.predicted, rows.times),
    )


def _baselines(rows: Rows) -> dict[str, Accuracy]:
    macs = rows.design(["macs"])[:, 0]
    parameters = np.array([float(count_parameters(graph)) for graph in rows.graphs])
    found = {name: np.empty(len(rows)) for name in ("MACs", "parameters", "nearest", "mean")}
    for group in np.unique(rows.groups):
        out = rows.groups == group
        times = rows.times[~out]
        found["MACs"][out] = affine(macs[~out], times, macs[out])
        found["parameters"][out] = affine(parameters[~out], times, parameters[out])
        found["nearest"][out] = nearest(rows.features[~out], times, rows.features[out])
        found["mean"][out] = np.exp(np.log(times).mean())
    accuracies = {name: measure_accuracy(ms, rows.times) for name, ms in found.items()}
    # Without a slow network the mean of the others is low, so left-out means would rank backwards.
    accuracies["mean"] = replace(accuracies["mean"], spearman=0.0, kendall=0.0)
    return accuracies
