"""A validation: predicts each graph by a model that never saw it, and the shipped ones pass it.

All that needs the ten seconds of a shipped device's validation is here, so that it is made once.
"""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from nas.latency import validate as validating
from nas.latency.accuracy import Accuracy, measure_accuracy, measure_intervals
from nas.latency.card import write_card
from nas.latency.devices import device_names, load_device
from nas.latency.fit import fit_model
from nas.latency.rows import Rows
from nas.latency.validate import Validation, validate
from tests.latency.boards import BOARD, MODELLED, board_rows, evidence_of

TYPED = [n for n in device_names() if not load_device(n).backend]  # rows are few, and stay
BASELINES = ("MACs", "parameters", "nearest", "mean")
BARS = {  # device: most MAPE; least within 10 %, Spearman, Kendall
    "synaptics-vs680": (8, 75, 0.94, 0.80),
    "synaptics-vs680-cpu": (8, 75, 0.90, 0.75),
    "mali-g71-mp2": (5, 80, 0.90, 0.80),
}


@cache
def validated(name: str) -> Validation:
    evidence = evidence_of(name)
    assert evidence.rows is not None
    return validate(evidence.device, evidence.rows, evidence.parent)


@pytest.mark.parametrize("name", BARS)
def test_a_shipped_model_clears_its_bars(name: str) -> None:
    found = validated(name)
    mape, within_10, spearman, kendall = BARS[name]
    ours = found.accuracies["this model"]
    assert ours.mape <= mape
    assert ours.within_10 >= within_10
    assert ours.spearman >= spearman
    assert ours.kendall >= kendall
    assert 70 <= found.intervals.coverage <= 90


@pytest.mark.parametrize("name", BARS)
def test_every_baseline_is_worse_than_a_shipped_model(name: str) -> None:
    found = validated(name).accuracies
    assert tuple(found) == ("this model", *BASELINES)
    assert found["this model"].mape < min(found[name].mape for name in BASELINES)
    assert (found["mean"].spearman, found["mean"].kendall) == (0, 0)  # it ranks nothing


@pytest.mark.parametrize("name", TYPED)
def test_a_shipped_card_is_that_of_its_rows(name: str) -> None:
    device, evidence = load_device(name), evidence_of(name)
    card = write_card(device, validated(name) if evidence.rows else None, evidence.records)
    assert (device.folder / "card.md").read_text(encoding="utf-8") == card
    assert device.has_model == (evidence.rows is not None) == (name in MODELLED)


def few(rows: Rows) -> Rows:
    """Six rows, which are validated quickly."""
    return rows.only(np.arange(len(rows)) < 6)


def test_each_graph_is_predicted_by_a_model_without_it() -> None:
    rows = few(board_rows(noise=0.05))
    found = validate(BOARD, rows)
    for i in range(len(rows)):
        without = fit_model(BOARD, rows.only(np.arange(len(rows)) != i))
        ms, spread = without.estimate(rows.features[[i]])
        factor = np.exp(without.log_half_width * spread)
        assert found.unseen.predicted[i] == ms
        assert found.unseen.low[i] == ms / factor
        assert found.unseen.high[i] == ms * factor
    unseen = found.unseen
    # The shipped width is set by networks that no choice has seen.
    model = replace(fit_model(BOARD, rows), log_half_width=found.model.log_half_width)
    assert found.model.to_json() == model.to_json()
    inside = (unseen.low <= rows.times) & (rows.times <= unseen.high)
    assert found.model.log_half_width > 0
    assert found.intervals.coverage == pytest.approx(100 * inside.mean())
    assert found.rows is rows
    assert found.accuracies["this model"] == measure_accuracy(unseen.predicted, rows.times)
    assert found.intervals == measure_intervals(
        unseen.low, unseen.high, unseen.predicted, rows.times
    )


def told(predicted: Any, measured: object) -> Accuracy:
    """What a predictor said, in the place of how good it was."""
    return Accuracy(
        mape=predicted, median_ape=0, within_5=0, within_10=0, rmse_ms=0, spearman=0, kendall=0
    )


@pytest.mark.parametrize("slower", [5.0, 0.3])
def test_the_time_of_a_graph_says_nothing_to_its_own_prediction(
    slower: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence = evidence_of("synaptics-vs680-2021")
    rows = evidence.rows
    assert rows is not None
    changed = replace(rows, times=np.where(np.arange(len(rows)) == 3, slower, 1) * rows.times)
    monkeypatch.setattr(validating, "measure_accuracy", told)
    before, after = (validate(evidence.device, r, evidence.parent) for r in (rows, changed))
    for name in ("predicted", "low", "high"):
        same = getattr(after.unseen, name) == getattr(before.unseen, name)
        assert same[3]
        assert not same.all()
    assert tuple(before.accuracies) == ("this model", *BASELINES)
    for name, accuracy in before.accuracies.items():
        same = after.accuracies[name].mape == accuracy.mape
        assert same[3], name
        assert not same.all(), name


def test_a_model_without_a_parent_is_told_nothing_either() -> None:
    rows = few(board_rows(noise=0.05))
    changed = replace(rows, times=np.where(np.arange(len(rows)) == 2, 4, 1) * rows.times)
    before, after = (validate(BOARD, r) for r in (rows, changed))
    assert after.unseen.predicted[2] == before.unseen.predicted[2]
    assert after.unseen.high[2] == before.unseen.high[2]
    assert (after.unseen.predicted != before.unseen.predicted).sum() == len(rows) - 1


def test_a_group_is_left_out_at_once() -> None:
    evidence = evidence_of("synaptics-vs680-2021")
    rows = evidence.rows
    assert rows is not None
    grouped = replace(rows, groups=np.array([0, 1, 2, 3, 4, 0]))
    changed = replace(grouped, times=rows.times * [4, 1, 1, 1, 1, 1])
    before, after = (validate(evidence.device, r, evidence.parent) for r in (grouped, changed))
    same = after.unseen.predicted == before.unseen.predicted
    assert same[[0, 5]].all()
    assert not same[1:5].all()
