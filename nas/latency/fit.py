"""Fits a latency model to measured rows, and says how good it is on graphs it has not seen.

Two dozen rows cannot tell which of the smaller terms is real, and picking the best-looking subset
overfits. So nothing is picked: the coefficients are the mean over all subsets of the optional
terms, each fitted by non-negative least squares on relative errors with a ridge. The only choice,
the strength of the ridge, is made inside each fold of the leave-one-graph-out.
"""

import itertools
import math
import platform
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import cached_property

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy import optimize

from nas.errors import DeviceError
from nas.graph import Graph
from nas.latency.accuracy import Accuracy, Array, affine, measure_accuracy, nearest
from nas.latency.coverage import count_kinds
from nas.latency.devices import Device, Recipe
from nas.latency.model import LEVEL, LatencyModel
from nas.latency.records import Record
from nas.readers.cost import count_parameters
from nas.readers.features import FEATURE_NAMES, read_features

__all__ = ["RIDGES", "Fit", "fit_device"]

RIDGES = (0.001, 0.003, 0.01, 0.03, 0.1)  # no stronger: shrinkage would make long networks fast
MIN_GROUPS = 5


@dataclass(frozen=True)
class Rows:
    """Fitted rows as arrays.

    Rows that no term tells apart (one graph under several names, or mirrored graphs) share a
    group, and are left out together.
    """

    records: tuple[Record, ...]
    graphs: tuple[Graph, ...]
    features: Array  # rows x FEATURE_NAMES
    times: Array  # ms

    @cached_property
    def groups(self) -> NDArray[np.intp]:
        return np.unique(self.features, axis=0, return_inverse=True)[1].reshape(-1)

    def design(self, terms: Sequence[str]) -> Array:
        found: Array = self.features[:, [FEATURE_NAMES.index(name) for name in terms]]
        return found


@dataclass(frozen=True)
class Fit:
    """A fitted model and its record on unseen graphs.

    Args:
        model: To predict with.
        rows: What it was fitted to.
        unseen_ms: For each row, the prediction without its group.
        coverage: Per cent of rows inside the interval made without them.
        accuracies: By predictor, this model first; all leave the same groups out.
    """

    model: LatencyModel
    rows: Rows
    unseen_ms: Array
    coverage: float
    accuracies: dict[str, Accuracy]


def fit_device(device: Device, records: Sequence[Record]) -> Fit:
    """Fits the model of `device` to the records that are used for it.

    Raises:
        DeviceError: Too few distinct graphs.
    """
    rows = _rows(device, records)
    unseen_ms, widths = _unseen(device.recipe, rows)
    distances = np.abs(np.log(rows.times / unseen_ms)) / widths
    inside = [
        distance <= _quantile(distances[rows.groups != group])
        for distance, group in zip(distances, rows.groups, strict=True)
    ]
    accuracy = measure_accuracy(unseen_ms, rows.times)
    return Fit(
        model=_model(device, rows, log_half_width=_quantile(distances)),
        rows=rows,
        unseen_ms=unseen_ms,
        coverage=100 * float(np.mean(inside)),
        accuracies={"this model": accuracy, **_baselines(rows)},
    )


def _model(device: Device, rows: Rows, *, log_half_width: float) -> LatencyModel:
    """The model fitted to all rows."""
    recipe, times = device.recipe, rows.times
    design = rows.design(recipe.terms)
    ridge = _choose_ridge(recipe, design, times, rows.groups)
    found = map(_rounded, _average(recipe, design, times, ridge))
    gram = _gram_inverse(design, times, ridge, np.ones(len(times), dtype=bool))
    return LatencyModel(
        device=device.name,
        height=device.height,
        width=device.width,
        coefficients=dict(zip(recipe.terms, found, strict=True)),
        covered=count_kinds({g: rows.graphs[i] for i, g in enumerate(rows.groups)}.values()),
        log_half_width=_rounded(log_half_width),
        gram_inverse=tuple(tuple(map(_rounded, line)) for line in gram),
        smallest_ms=float(times.min()),
        largest_ms=float(times.max()),
        metadata=_metadata(rows, ridge),
    )


def _rows(device: Device, records: Sequence[Record]) -> Rows:
    used = tuple(r for r in records if r.used_for_fit)
    graphs = tuple(r.graph for r in used if r.graph is not None)
    features = np.array(
        [astuple(read_features(g, height=device.height, width=device.width)) for g in graphs]
    ).reshape(len(graphs), len(FEATURE_NAMES))
    rows = Rows(used, graphs, features, np.array([r.latency_ms for r in used]))
    if len(graphs) < MIN_GROUPS or len(np.unique(rows.groups)) < MIN_GROUPS:
        raise DeviceError(
            f"{device.name} has {len(graphs)} rows to fit, of fewer than {MIN_GROUPS} graphs",
            f"add rows to {device.measurements}",
        )
    return rows


def _scales(design: Array, times: Array) -> Array:
    """Divides each term to the order of the times; terms absent from all rows stay."""
    means: Array = design.mean(axis=0) / times.mean()
    return np.where(means > 0, means, 1.0)


def _solve(design: Array, times: Array, ridge: float, floors: Array) -> Array:
    """Coefficients of at least `floors` that minimise relative errors and the ridge."""
    scales = _scales(design, times)
    rows = design / scales / times[:, None]
    wanted = 1 - rows @ (floors * scales)
    penalty = math.sqrt(ridge * len(times)) * np.eye(design.shape[1])
    above, _ = optimize.nnls(
        np.vstack([rows, penalty]), np.concatenate([wanted, np.zeros(design.shape[1])])
    )
    found: Array = above / scales + floors
    return found


def _average(recipe: Recipe, design: Array, times: Array, ridge: float) -> Array:
    """The mean of the coefficients over all subsets of the optional terms."""
    peak = recipe.peak_macs_per_ms
    floors = np.array([1 / peak if peak and t == "aligned_macs" else 0.0 for t in recipe.terms])
    first, last = len(recipe.always), len(recipe.terms)
    total, members = np.zeros(last), 0
    for size in range(last - first + 1):
        for chosen in itertools.combinations(range(first, last), size):
            columns = [*range(first), *chosen]
            total[columns] += _solve(design[:, columns], times, ridge, floors[columns])
            members += 1
    found: Array = total / members
    return found


def _leave_out(
    recipe: Recipe, design: Array, times: Array, groups: NDArray[np.intp], ridge: float
) -> Array:
    predicted = np.empty_like(times)
    for group in np.unique(groups):
        out = groups == group
        predicted[out] = design[out] @ _average(recipe, design[~out], times[~out], ridge)
    return predicted


def _choose_ridge(recipe: Recipe, design: Array, times: Array, groups: NDArray[np.intp]) -> float:
    def error(ridge: float) -> float:
        predicted = _leave_out(recipe, design, times, groups, ridge)
        return float(np.mean(np.abs(predicted / times - 1)))

    return min(RIDGES, key=error)


def _unseen(recipe: Recipe, rows: Rows) -> tuple[Array, Array]:
    """Predictions of each row without its group, all choices repeated, and their widening."""
    design, times, groups = rows.design(recipe.terms), rows.times, rows.groups
    predicted, widths = np.empty_like(times), np.empty_like(times)
    for group in np.unique(groups):
        out = groups == group
        ridge = _choose_ridge(recipe, design[~out], times[~out], groups[~out])
        predicted[out] = design[out] @ _average(recipe, design[~out], times[~out], ridge)
        gram = _gram_inverse(design, times, ridge, ~out)
        relative = design[out] / predicted[out, None]
        widths[out] = np.sqrt(1 + np.einsum("ri,ij,rj->r", relative, gram, relative))
    return predicted, widths


def _gram_inverse(design: Array, times: Array, ridge: float, used: Array) -> Array:
    scales = _scales(design[used], times[used])
    rows = design[used] / scales / times[used, None]
    gram = rows.T @ rows + ridge * len(rows) * np.eye(rows.shape[1])
    found: Array = np.linalg.inv(gram) / np.outer(scales, scales)
    return found


def _quantile(distances: Array) -> float:
    """Of `LEVEL`, with the correction for few rows of split conformal prediction."""
    rank = min(math.ceil((len(distances) + 1) * LEVEL), len(distances))
    return float(np.sort(distances)[rank - 1])


def _baselines(rows: Rows) -> dict[str, Accuracy]:
    macs = rows.design(["macs"])[:, 0]
    parameters = np.array([float(count_parameters(g)) for g in rows.graphs])
    found = {name: np.empty_like(rows.times) for name in ("MACs", "parameters", "nearest")}
    for group in np.unique(rows.groups):
        out = rows.groups == group
        times = rows.times[~out]
        found["MACs"][out] = affine(macs[~out], times, macs[out])
        found["parameters"][out] = affine(parameters[~out], times, parameters[out])
        found["nearest"][out] = nearest(rows.features[~out], times, rows.features[out])
    return {name: measure_accuracy(ms, rows.times) for name, ms in found.items()}


def _metadata(rows: Rows, ridge: float) -> dict[str, object]:
    return {
        "rows": len(rows.times),
        "distinct_graphs": len(np.unique(rows.groups)),
        "ridge": ridge,
        "interval_level": LEVEL,
        "seed": None,  # nothing is drawn
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
    }


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")  # below what another BLAS changes
