"""The front and the choice of finalists, on a study without any training."""

import json

import optuna
import pandas as pd
import pytest

from nas.search.front import COLUMNS, front, spread, trials_table
from nas.search.result import choose_finalists, rank

POINTS = [  # zoo, PSNR, ms, score, steps: the front is 0, 1, 3
    ("XCAT", 27.0, 10.0, 4.0, 1200),
    ("", 27.5, 12.0, 6.0, 1200),
    ("", 27.4, 13.0, 5.0, 1200),  # beaten by 1
    ("", 28.0, 20.0, 3.0, 1200),
    ("", 29.0, 5.0, 9.0, 100),  # stopped early
]


@pytest.fixture
def table() -> pd.DataFrame:
    study = optuna.create_study(directions=["maximize", "minimize"])
    for zoo, psnr_db, latency_ms, score, steps in POINTS:
        trial = study.ask()
        attributes = {"zoo": zoo, "score": score, "steps": steps, "digest": f"d{trial.number}"}
        attributes |= {"latency_low_ms": 0.9 * latency_ms, "latency_high_ms": 1.1 * latency_ms}
        for name, value in attributes.items():
            trial.set_user_attr(name, value)
        study.tell(trial, [psnr_db, latency_ms])
    study.tell(study.ask(), state=optuna.trial.TrialState.PRUNED)
    return trials_table(study)


def test_the_table_has_its_columns_and_every_trial(table: pd.DataFrame) -> None:
    assert tuple(table.columns) == COLUMNS
    assert list(table["state"]) == ["COMPLETE"] * 5 + ["PRUNED"]
    assert list(table["score_ratio"][:4]) == [1.0, 1.5, 1.25, 0.75]


def test_an_empty_study_has_an_empty_table() -> None:
    table = trials_table(optuna.create_study(directions=["maximize", "minimize"]))
    assert len(table) == 0
    assert len(front(table)) == 0
    assert choose_finalists(table) == []


def test_the_front_is_of_fully_trained_networks(table: pd.DataFrame) -> None:
    assert list(front(table)["number"]) == [0, 1, 3]


def test_the_front_is_of_networks_that_are_good_enough(table: pd.DataFrame) -> None:
    table["lacking_db"] = (27.2 - table["psnr_int8_db"]).clip(lower=0)
    assert list(front(table)["number"]) == [1, 3]
    assert choose_finalists(table) == [0, 1, 2, 3], "the published one is there to compare with"


def test_where_none_is_good_enough_the_closest_is_the_front(table: pd.DataFrame) -> None:
    table["lacking_db"] = 40 - table["psnr_int8_db"]  # 4 lacks the least, and was stopped early
    assert list(front(table)["number"]) == [3]
    assert choose_finalists(table) == [0, 3]


def test_the_table_says_what_a_network_lacks() -> None:
    study = optuna.create_study(directions=["maximize", "minimize"])
    for kept in ([0.0, 0.0, 0.25], [0.0, 0.0, -0.5], [0.0, 0.0], None):
        system = {} if kept is None else {"constraints": kept}
        study.add_trial(optuna.trial.create_trial(values=[27.0, 9.0], system_attrs=system))
    assert list(trials_table(study)["lacking_db"]) == [0.25, 0, 0, 0]


def test_finalists_are_the_leading_ones_the_front_and_the_best_zoo_network(
    table: pd.DataFrame,
) -> None:
    assert choose_finalists(table) == [0, 1, 2, 3], "2 is off the front, but second by score"
    table.loc[0, ["psnr_int8_db", "score"]] = [26.0, 1.0]
    table.loc[0, "latency_ms"] = 30.0  # off the front, still the best of the zoo
    assert choose_finalists(table) == [0, 1, 2, 3]
    table.loc[2, "score"] = 1.4  # a quarter of the best is 1.5
    assert choose_finalists(table) == [0, 1, 3]


def test_a_network_that_broke_down_is_no_finalist_however_fast(table: pd.DataFrame) -> None:
    table.loc[0, ["zoo", "psnr_int8_db", "score"]] = ["", 21.0, 1.4]  # a quarter of 6 is 1.5
    assert list(front(table)["number"]) == [0, 1, 3]
    assert choose_finalists(table) == [1, 2, 3]


def test_a_sure_network_is_a_finalist_on_a_crowded_front(table: pd.DataFrame) -> None:
    points = [(27 + 0.1 * i, 10 + i, 100.0 - i) for i in range(30)]  # PSNR, ms, score
    row = table.iloc[0].to_dict()
    crowded = pd.DataFrame(
        [
            {
                **row,
                "number": number,
                "zoo": "",
                "psnr_int8_db": psnr_db,
                "latency_ms": latency_ms,
                "latency_high_ms": latency_ms * (1.1 if number == 7 else 3),
                "score": score,
            }
            for number, (psnr_db, latency_ms, score) in enumerate(points)
        ]
    )
    chosen = choose_finalists(crowded)
    assert len(chosen) == 6
    assert {0, 1, 2, 7} <= set(chosen)  # the leading ones, and the best at the slow end


RANKED = [  # trial, zoo, score, measured score
    (1, "", 9.0, 4.0),
    (2, "", 8.0, 6.0),
    (3, "XCAT", 5.0, 3.0),
    (4, "XLSR", 4.0, 4.5),
]


def test_finalists_are_ranked_by_measured_scores_where_all_have_one() -> None:
    names = ("trial", "zoo", "score", "score_measured")
    results = [dict(zip(names, row, strict=True)) for row in RANKED]
    ranked = rank(results)
    assert [result["trial"] for result in ranked] == [2, 4, 1, 3]
    assert [result["score_ratio"] for result in ranked] == [8 / 5, 4 / 5, 9 / 5, 1]
    assert [result["score_measured_ratio"] for result in ranked] == [6 / 4.5, 1, 4 / 4.5, 3 / 4.5]
    del results[3]["score_measured"]
    assert [result["trial"] for result in rank(results)] == [1, 2, 3, 4]
    assert all("score_measured_ratio" not in result for result in rank(results))
    assert [result["score_ratio"] for result in rank(results[:2])] == [None, None]


def test_finalists_that_keep_the_limits_come_first_then_the_closest() -> None:
    names = ("trial", "score", "over_limits", "lacking_db", "zoo")
    rows = [
        (1, 9.0, ["too large", "too poor"], 0.1, ""),
        (2, 8.0, ["too poor"], 0.3, ""),
        (3, 7.0, ["too poor"], 0.2, "XCAT"),
        (4, 2.0, [], 0.0, ""),
    ]
    ranked = rank([dict(zip(names, row, strict=True)) for row in rows])
    assert [result["trial"] for result in ranked] == [4, 3, 2, 1]
    assert ranked[0]["score_ratio"] == 2 / 7


@pytest.mark.parametrize(("count", "cap"), [(0, 5), (3, 5), (5, 5), (23, 5), (4, 1)])
def test_spread_keeps_the_ends(count: int, cap: int) -> None:
    chosen = spread(range(count), cap)
    assert len(chosen) == len(set(chosen)) == min(count, cap)
    if cap > 1 and count:
        assert (chosen[0], chosen[-1]) == (0, count - 1)
    json.dumps(chosen)
