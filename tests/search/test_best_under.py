"""The best under each time of a front."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from nas.search.best_under import best_under
from nas.search.front import front

ROWS = [  # number, PSNR, ms, score, lacking
    (0, 27.0, 10.0, 4.0, 0.0),
    (1, 27.5, 12.0, 6.0, 0.0),
    (2, 27.4, 13.0, 5.0, 0.0),  # beaten by 1
    (3, 28.0, 20.0, 3.0, 0.0),
    (4, 28.5, 30.0, 7.0, 0.0),
]


def table_of(rows: list[tuple[float, ...]]) -> pd.DataFrame:
    names = ["number", "psnr_int8_db", "latency_ms", "score", "lacking_db"]
    return pd.DataFrame(rows, columns=names).assign(state="COMPLETE", steps=1000)


def told(table: pd.DataFrame) -> list[tuple[float, int, int]]:
    return [
        (under.latency_ms, under.best["number"], under.by_score["number"])
        for under in best_under(table)
    ]


def test_each_time_of_the_front_has_the_best_by_psnr_and_the_best_by_score() -> None:
    assert told(table_of(ROWS)) == [(10, 0, 0), (12, 1, 1), (20, 3, 1), (30, 4, 4)]


def test_networks_that_lack_quality_have_no_row() -> None:
    rows = [(*row[:4], max(0.0, 28 - row[1])) for row in ROWS]
    assert told(table_of(rows)) == [(20, 3, 3), (30, 4, 4)]


@given(
    st.lists(
        st.tuples(st.floats(20, 30), st.floats(1, 90), st.floats(1, 9)), min_size=1, max_size=12
    )
)
def test_no_other_network_of_that_time_is_better(points: list[tuple[float, float, float]]) -> None:
    table = table_of([(number, *point, 0.0) for number, point in enumerate(points)])
    found = best_under(table)
    assert [under.latency_ms for under in found] == list(front(table)["latency_ms"])
    for under in found:
        fits = table[table["latency_ms"] <= under.latency_ms]
        assert under.best["psnr_int8_db"] == fits["psnr_int8_db"].max()
        members = front(table)
        within = members[members["latency_ms"] <= under.latency_ms]
        assert under.by_score["score"] == within["score"].max()
