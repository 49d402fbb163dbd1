"""Which networks are worth a measurement, reckoned by hand."""

from pathlib import Path

import pandas as pd
import pytest

from nas.latency.devices import load_device
from nas.search.front import COLUMNS
from nas.search.worth import PER_CENT, measured_times, way_to_measure, worth_measuring

# number, PSNR, ms, low, high, novelty, score: a score times its ms is constant along a row
FRONT = [
    (0, 26.0, 5.0, 4.5, 5.5, 1.0, 6.0),  # 5.45 to 6.67: out of reach of the best's 8.0
    (1, 27.0, 10.0, 8.0, 12.5, 1.0, 10.0),  # the best: 8.0 to 12.5
    (2, 28.0, 20.0, 19.0, 21.0, 1.0, 7.6),  # 8.0 at 19 ms: just reaches it
    (3, 29.0, 30.0, 18.0, 50.0, 3.0, 9.0),  # 5.4 to 15: may be the best by far
    (4, 27.5, 40.0, 10.0, 50.0, 1.0, 9.9),  # 39.6 at 10 ms, but not on the front
]


@pytest.fixture
def table() -> pd.DataFrame:
    names = ("number", "psnr_int8_db", "latency_ms", "latency_low_ms", "latency_high_ms")
    names += ("latency_novelty", "score")
    rows = [dict(zip(names, row, strict=True)) for row in FRONT]
    told = {"state": "COMPLETE", "steps": 1200, "zoo": "", "lacking_db": 0.0}
    return pd.DataFrame([{**row, **told, "digest": f"d{row['number']}"} for row in rows])


def test_the_best_and_who_may_reach_it_are_worth_it(table: pd.DataFrame) -> None:
    found = worth_measuring(table)
    assert [(w.trial, w.digest) for w in found] == [(1, "d1"), (3, "d3"), (2, "d2")]
    best, rival, near = found
    assert (best.score_low, best.score, best.score_high) == (10 * 10 / 12.5, 10, 10 * 10 / 8)
    assert rival.score_high == 9 * 30 / 18
    assert best.change == rival.change == 15 - 8  # the best could lose as much as trial 3 wins
    assert near.change == pytest.approx(0)


def test_each_says_why(table: pd.DataFrame) -> None:
    best, rival, near = (worth.why for worth in worth_measuring(table))
    assert best == (
        "it leads with a score of 10, of which 8 are left at 12.5 ms, and 2 others may score more"
    )
    assert rival == (
        "at 18.0 ms it would score 15, and trial 1, which leads, 8 at 12.5 ms; its interval "
        "is 3.0 times as wide as amid measured networks"
    )
    assert near == "at 19.0 ms it would score 8, and trial 1, which leads, 8 at 12.5 ms"


def test_who_cannot_beat_a_sure_network_is_not_worth_it(table: pd.DataFrame) -> None:
    # Trial 2 is sure of 8.04, over the 8 of the best; trial 0 may score 8.02, between them.
    table.loc[2, ["latency_low_ms", "latency_high_ms"]] = [18.0, 18.9]
    table.loc[0, "latency_low_ms"] = 5.0 * 6 / 8.02
    assert [worth.trial for worth in worth_measuring(table)] == [1, 3, 2]


def test_nobody_is_where_no_measurement_could_change_the_order(table: pd.DataFrame) -> None:
    assert worth_measuring(table[table["number"] < 2]) == []
    assert worth_measuring(pd.DataFrame([], columns=list(COLUMNS))) == []


MEASURED = [  # measured ms by trial, who is left
    ({1: 12.5}, [3, 2]),  # the best is sure of 8 now, which both may reach
    ({1: 10.0}, [3]),  # it is sure of 10
    ({1: 6.0}, []),  # it scores 16.7, which nobody reaches
    ({3: 60.0}, [1, 2]),  # the rival scores 4.5
    ({3: 18.0}, []),  # it scores 15, which the 12.5 of the former best do not reach
    ({1: 10.0, 3: 30.0}, []),
]


@pytest.mark.parametrize(("measured_ms", "left"), MEASURED)
def test_what_was_measured_needs_no_other(
    table: pd.DataFrame, measured_ms: dict[int, float], left: list[int]
) -> None:
    assert [worth.trial for worth in worth_measuring(table, measured_ms)] == left


def test_a_measured_leader_is_told_as_such(table: pd.DataFrame) -> None:
    assert worth_measuring(table, {1: 10.0})[0].why.startswith(
        "at 18.0 ms it would score 15, and trial 1, which leads, 10 as measured"
    )


def test_finalists_without_a_measurement_have_no_time() -> None:
    assert measured_times([{"trial": 3, "measured_ms": 7.0}, {"trial": 4}]) == {3: 7.0}


def test_the_way_to_measure_is_the_device_s_own() -> None:
    assert way_to_measure(load_device("ethos-u65"), Path("runs/r"), 12) == (
        "nas latency measure --device ethos-u65 --network runs/r#12"
    )
    assert way_to_measure(load_device("synaptics-vs680"), Path("runs/r"), 12) == (
        "nas export runs/r --trial 12 --out DIR, and run DIR/model.tflite on synaptics-vs680"
    )


def test_the_level_is_that_of_the_model() -> None:
    assert PER_CENT == "80 %"
