"""The shipped models are what their rows give, and as good as their cards say."""

from functools import cache

import numpy as np
import pytest

from nas.errors import DeviceError
from nas.graph import Graph
from nas.latency.accuracy import affine, measure_accuracy, nearest
from nas.latency.card import write_card
from nas.latency.devices import device_names, load_device
from nas.latency.fit import Fit, fit_device
from nas.latency.records import Record, load_records
from nas.readers.features import read_features
from nas.zoo import zoo_entry


def zoo_graph(name: str) -> Graph:
    return zoo_entry(name).build()


@cache
def records_of(name: str) -> tuple[Record, ...]:
    return load_records(load_device(name).measurements, zoo_graph)


@cache
def fitted(name: str) -> Fit:
    return fit_device(load_device(name), records_of(name))


@pytest.mark.parametrize("name", device_names())
def test_a_refit_gives_the_shipped_model(name: str) -> None:
    shipped, found = load_device(name).model, fitted(name).model
    assert found.coefficients == pytest.approx(dict(shipped.coefficients), rel=1e-3)
    assert found.log_half_width == pytest.approx(shipped.log_half_width, rel=1e-3)
    assert found.covered == dict(shipped.covered)
    for row, expected in zip(found.gram_inverse, shipped.gram_inverse, strict=True):
        assert row == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("name", device_names())
def test_the_shipped_card_is_of_this_fit(name: str) -> None:
    device = load_device(name)
    card = write_card(device, fitted(name), records_of(name))
    assert (device.folder / "card.md").read_text(encoding="utf-8") == card


def test_vs680_beats_the_prototype_on_unseen_graphs() -> None:
    found = fitted("synaptics-vs680")
    ours = found.accuracies["this model"]
    assert ours.mape < 7  # prototype: 9.2
    assert ours.within_10 > 80  # 70
    assert ours.spearman > 0.95  # 0.93
    assert ours.kendall > 0.87  # 0.78
    assert 85 <= found.coverage <= 100


def test_mali_is_predicted_inside_and_outside_its_family() -> None:
    found = fitted("mali-g71-mp2")
    assert found.accuracies["this model"].mape < 3.5
    assert found.accuracies["this model"].rms_ms < 19
    assert 85 <= found.coverage <= 100
    xlsr = read_features(zoo_graph("XLSR"), height=360, width=640)
    assert found.model.estimate(xlsr) == pytest.approx(370, rel=0.05)  # never fitted


@pytest.mark.parametrize("name", device_names())
@pytest.mark.parametrize("baseline", ["MACs", "parameters", "nearest"])
def test_every_baseline_is_worse(name: str, baseline: str) -> None:
    accuracies = fitted(name).accuracies
    assert accuracies["this model"].mape < accuracies[baseline].mape
    assert accuracies["this model"].kendall > accuracies[baseline].kendall


def test_one_graph_under_three_names_is_left_out_at_once() -> None:
    rows = fitted("synaptics-vs680").rows
    groups = {
        record.network: group for record, group in zip(rows.records, rows.groups, strict=True)
    }
    assert groups["TOVB-RBPN"] == groups["ABPN++"] == groups["ICL"] != groups["Rtsisr2022"]


def test_arithmetic_is_never_faster_than_the_peak() -> None:
    device = load_device("synaptics-vs680")
    assert device.model.coefficients["aligned_macs"] >= 1 / device.recipe.peak_macs_per_ms


def test_too_few_graphs_are_refused() -> None:
    device = load_device("synaptics-vs680")
    with pytest.raises(DeviceError) as caught:
        fit_device(device, records_of(device.name)[:3])
    assert str(caught.value) == (
        "synaptics-vs680 has 3 rows to fit, of fewer than 5 graphs"
        f" (add rows to {device.measurements})"
    )


def test_accuracy_of_a_worked_example() -> None:
    found = measure_accuracy(np.array([10.9, 30.0, 40.0]), np.array([10.0, 20.0, 50.0]))
    assert found.mape == pytest.approx((9 + 50 + 20) / 3)
    assert found.within_10 == pytest.approx(100 / 3)
    assert found.spearman == pytest.approx(1)
    assert found.kendall == pytest.approx(1)
    assert found.rms_ms == pytest.approx(((0.81 + 100 + 100) / 3) ** 0.5)


def test_baselines_of_a_worked_example() -> None:
    count, times = np.array([1.0, 2.0, 4.0]), np.array([12.0, 14.0, 18.0])  # 10 + 2 a unit
    assert affine(count, times, np.array([3.0])) == pytest.approx([16.0])
    assert nearest(count[:, None], times, np.array([[3.9]])) == pytest.approx([18.0])
