"""Makes a latency model: tries every form on left-out graphs, keeps the best, fits it to all rows.

`validate` repeats all of this without each graph in turn, so no choice has seen what it is judged
by.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from nas.latency.arrays import Array, rounded
from nas.latency.coverage import count_kinds
from nas.latency.devices import Device
from nas.latency.fitting import folds, metadata_of
from nas.latency.form import FORMS, TRANSFER_RIDGES, Form
from nas.latency.model import LEVEL, LatencyModel
from nas.latency.residual import Residual, place_of
from nas.latency.rows import Rows
from nas.latency.structure import fit_coefficients
from nas.readers.features import FEATURE_NAMES

__all__ = ["fit_model", "quantile"]

_FOLDS = 25  # at most, of the choice; more groups share a fold


def fit_model(device: Device, rows: Rows, parent: LatencyModel | None = None) -> LatencyModel:
    """The model of `device`.

    Args:
        device: Whose rows these are.
        rows: Measured networks.
        parent: A model of another device, whose coefficients, brought to this device's speed,
            hold as far as the rows do not contradict.
    """
    fitting = _Fitting(device, parent)
    form, distances = fitting.choose(rows)
    coefficients = fitting.coefficients(rows, form)
    residual = _residual(rows, form, coefficients)
    covered = dict(parent.covered) if parent else {}
    for kind, graphs in count_kinds(rows.graphs).items():
        covered[kind] = graphs
    return LatencyModel(
        device=device.name,
        height=device.height,
        width=device.width,
        form=form,
        coefficients=dict(zip(form.terms, map(rounded, coefficients), strict=True)),
        places=tuple(tuple(map(rounded, place)) for place in residual.places),
        misses=tuple(map(rounded, residual.misses)),
        log_half_width=rounded(quantile(distances)),
        covered=dict(sorted(covered.items())),
        way_to_measure=device.way_to_measure,
        smallest_ms=float(rows.times.min()),
        largest_ms=float(rows.times.max()),
        metadata=metadata_of(rows, parent) | {"features": len(FEATURE_NAMES)},
    )


@dataclass(frozen=True)
class _Fitting:
    device: Device
    parent: LatencyModel | None

    def choose(self, rows: Rows) -> tuple[Form, Array]:
        """The form that misses left-out graphs least, and its misses in widths of the interval."""
        forms = self._forms()
        times = {form: np.empty(len(rows)) for form in forms}
        spreads = {form: np.empty(len(rows)) for form in forms}
        for out in folds(rows.groups, most=_FOLDS):
            kept = rows.only(~out)
            fitted: dict[tuple[tuple[str, ...], float], Array] = {}
            for form in forms:
                key = (form.terms, form.ridge)
                if key not in fitted:
                    fitted[key] = self.coefficients(kept, form)
                costs = rows.design(form.terms)[out] * fitted[key]
                shift, spread = _residual(kept, form, fitted[key]).at(place_of(costs))
                times[form][out] = costs.sum(axis=1) * np.exp(shift)
                spreads[form][out] = spread
        best = min(forms, key=lambda form: float(np.abs(times[form] / rows.times - 1).mean()))
        return best, np.abs(np.log(times[best] / rows.times)) / spreads[best]

    def coefficients(self, rows: Rows, form: Form) -> Array:
        design = rows.design(form.terms)
        peak = self.device.peak_macs_per_ms
        floors = np.array([1 / peak if peak and t == form.macs else 0.0 for t in form.terms])
        prior = np.zeros(len(form.terms))
        if self.parent:
            theirs = np.array(list(self.parent.coefficients.values()))
            speed = math.exp(float(np.median(np.log(rows.times / (design @ theirs)))))
            prior = np.maximum(speed * theirs, floors)
        return fit_coefficients(design, rows.times, ridge=form.ridge, floors=floors, prior=prior)

    def _forms(self) -> tuple[Form, ...]:
        if not self.parent:
            return FORMS
        mine = [form for form in FORMS if form.terms == self.parent.form.terms]
        found = (replace(form, ridge=ridge) for form in mine for ridge in TRANSFER_RIDGES)
        return tuple(dict.fromkeys(found))


def _residual(rows: Rows, form: Form, coefficients: Array) -> Residual:
    costs = rows.design(form.terms) * coefficients
    misses = np.log(rows.times / costs.sum(axis=1))
    return Residual(place_of(costs), misses, form.strength, form.reach)


def quantile(distances: Array) -> float:
    """Of `LEVEL`, with the correction for few rows of split conformal prediction."""
    rank = min(math.ceil((len(distances) + 1) * LEVEL), len(distances))
    return float(np.sort(distances)[rank - 1])
