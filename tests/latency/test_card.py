"""The card: every figure in its place, every row shown, every table whole.

That a shipped card is that of its rows is in `test_validate.py`, where the validations are.
"""

from dataclasses import replace
from functools import cache

import pytest

from nas.graph import Conv2d, GraphBuilder
from nas.latency.accuracy import Accuracy, Intervals
from nas.latency.card import write_card
from nas.latency.devices import device_names, load_device
from nas.latency.fit import fit_model
from nas.latency.fresh import KEPT_BACK
from nas.latency.rows import rows_of
from nas.latency.validate import Unseen, Validation
from tests.latency.boards import BOARD, GRAPHS, measured, plain

OURS = Accuracy(
    mape=4.26, median_ape=3.14, within_5=71.8, within_10=91.2, rmse_ms=2.55, spearman=0.98765,
    kendall=0.87654,
)  # fmt: skip
WORSE = replace(OURS, mape=40.0, spearman=-1.0)
RECORDS = tuple(
    measured(graph, 20.0 - i, network=f"net-{i}", noise=0.01 * i) for i, graph in enumerate(GRAPHS)
)


@cache
def validation() -> Validation:
    """A validation with made-up results."""
    rows = rows_of(BOARD, RECORDS)
    return Validation(
        model=fit_model(BOARD, rows),
        rows=rows,
        unseen=Unseen(predicted=1.1 * rows.times, low=0.9 * rows.times, high=1.3 * rows.times),
        accuracies={"this model": OURS, "MACs": WORSE},
        intervals=Intervals(coverage=77.4, width=33.3),
    )


def tables_of(card: str) -> dict[str, list[list[str]]]:
    """Cells of the table under each heading."""
    found = {}
    for part in card.split("\n## ")[1:]:
        lines = [line for line in part.splitlines() if line.startswith("|")]
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
        found[part.partition("\n")[0]] = cells
    return found


@cache
def board_card() -> str:
    return write_card(BOARD, validation(), RECORDS)


def table(heading: str) -> list[list[str]]:
    return tables_of(board_card())[heading]


def test_the_head_says_what_was_measured_and_how() -> None:
    assert board_card().startswith(
        """# board

Made by `nas latency validate board`; do not edit.

A board of tests.

- Processor: none
- Conditions: made up
- Software of the fitted rows: nothing
- Precision: INT8
- Input: 640x360; times are milliseconds for one inference
- A time is: as computed
- Noise of a row (median): 4.5 %
- Sources: tests

## Accuracy on unseen graphs

9 distinct graphs. Each is predicted by a model that was made without it,
"""
    )


def test_noise_that_nobody_knows_is_no_line() -> None:
    quiet = [replace(record, noise=0.0) for record in RECORDS]
    assert "Noise" not in write_card(BOARD, validation(), quiet)


def test_accuracies_stand_in_their_columns() -> None:
    head, _, ours, macs = table("Accuracy on unseen graphs")
    assert dict(zip(head, ours, strict=True)) == {
        "predictor": "this model",
        "MAPE": "4.3 %",
        "median APE": "3.1 %",
        "within 5 %": "72 %",
        "within 10 %": "91 %",
        "RMSE": "2.5 ms",
        "Spearman": "0.988",
        "Kendall": "0.877",
    }
    assert (macs[0], macs[1], macs[6]) == ("MACs", "40.0 %", "-1.000")


def test_the_interval_is_judged() -> None:
    assert (
        "The 80 % interval of a model made without a graph holds 77 % of\n"
        "them; half of the intervals are shorter than 33 % of the prediction." in board_card()
    )


def test_fitted_rows_are_listed_from_the_fastest() -> None:
    head, _, *rows = table("Fitted rows")
    assert head == ["network", "measured ms", "unseen ms", "unseen 80 % interval", "fitted ms"]
    assert [row[0] for row in rows] == [f"net-{i}" for i in reversed(range(9))]
    fitted = validation().model.predict(GRAPHS[8]).latency_ms
    assert rows[0] == ["net-8", "12.0", "13.2 (+10%)", "10.8 to 15.6", f"{fitted:.1f}"]


def test_terms_add_up_to_the_mean_row() -> None:
    model, rows = validation().model, table("Terms")[2:]
    assert [row[0] for row in rows] == list(model.coefficients)
    assert [float(row[1]) for row in rows] == pytest.approx(
        list(model.coefficients.values()), rel=0.01
    )
    total = sum(float(row[2]) for row in rows)
    assert total == pytest.approx(validation().rows.times.mean(), rel=0.2)
    assert f"`{model.form.macs}` for arithmetic, ridge {model.form.ridge:g}, " in board_card()


def test_a_model_that_learns_nothing_from_near_networks_says_so() -> None:
    def card(strength: float) -> str:
        form = replace(validation().model.form, strength=strength, reach=0.4)
        model = replace(validation().model, form=form)
        return write_card(BOARD, replace(validation(), model=model), RECORDS)

    assert "learning from near networks: none." in card(0.0)
    assert "learning from near networks: strength 5 over a distance of 0.4." in card(5.0)


def test_thin_ops_are_marked() -> None:
    model = replace(validation().model, covered={"Add at x1": 3, "Clip at x1": 2})
    card = write_card(BOARD, replace(validation(), model=model), RECORDS)
    assert tables_of(card)["Covered ops"][2:] == [
        ["Add at x1", "3", ""],
        ["Clip at x1", "2", "thin"],
    ]


def test_a_parent_is_named() -> None:
    model = replace(validation().model, metadata={"parent": "grandboard"})
    card = write_card(BOARD, replace(validation(), model=model), RECORDS)
    assert "9 distinct graphs. The model leans on that of grandboard. Each" in card
    assert "leans on" not in board_card()


def test_rows_not_used_are_shown_with_the_reason() -> None:
    assert "Rows not used" not in tables_of(board_card())
    g = GraphBuilder(channels=3)
    odd = g.graph(g.append(Conv2d(9, kernel=7), g.input))  # of a kind that no row has
    why = {"used_for_fit": False, "why_not": "it is odd"}
    unused = (
        measured(odd, 99.0, network="odd", **why),
        measured(plain(3, 3), 7.0, network="lost" * 20, **{**why, "graph": None}),
    )
    head, _, *rows = tables_of(write_card(BOARD, validation(), (*RECORDS, *unused)))[
        "Rows not used"
    ]
    assert head == ["network", "measured ms", "model ms", "software", "why it is not fitted"]
    model = replace(validation().model, covered={"Input at x1": 9, "Conv2d(kernel=7) at x1": 9})
    asked = f"{model.predict(odd).latency_ms:.1f}"
    assert rows == [
        ["odd", "99.0", asked, "nothing", "it is odd"],
        [f"{'lost' * 9}l...", "7.0", "-", "nothing", "it is odd"],
    ]


def test_networks_kept_back_are_judged() -> None:
    assert "kept back" not in board_card()
    model, why = validation().model, {"used_for_fit": False, "why_not": KEPT_BACK}
    kept = [plain(14, 6), plain(8, 5)]
    times = [model.predict(graph).latency_ms / 1.25 for graph in kept]
    back = [measured(graph, ms, **why) for graph, ms in zip(kept, times, strict=True)]
    refused = [measured(plain(8, convs, kernel=7), 9.0, **why) for convs in (3, 4)]
    card = write_card(BOARD, validation(), (*RECORDS, *back, *refused))
    assert (
        "2 networks were drawn at random and measured, and never fitted. "
        "2 more hold an op that the model refuses." in card
    )
    ours = tables_of(card)["Accuracy on networks kept back"][2]
    assert ours[:5] == ["this model", "25.0 %", "25.0 %", "0 %", "0 %"]
    assert len(tables_of(card)["Fitted rows"]) == len(table("Fitted rows"))


def test_a_device_that_is_only_shown_has_rows_and_limits() -> None:
    shown = [replace(r, used_for_fit=False, why_not="too few") for r in RECORDS[:2]]
    card = write_card(BOARD, None, shown)
    assert "- Software of the fitted rows: no row is fitted\n" in card
    assert tables_of(card)["Rows not used"][2:] == [
        ["net-0", "20.0", "-", "nothing", "too few"],
        ["net-1", "19.0", "-", "nothing", "too few"],
    ]
    assert list(tables_of(card)) == ["Rows not used", "Limits and assumptions"]
    assert card.endswith("## Limits and assumptions\n\n- It does not exist.\n")


SHIPPED = [n for n in device_names() if (load_device(n).folder / "card.md").is_file()]


@pytest.mark.parametrize("name", SHIPPED)
def test_every_table_of_a_shipped_card_is_whole(name: str) -> None:
    found = tables_of((load_device(name).folder / "card.md").read_text(encoding="utf-8"))
    for head, rule, *rows in filter(None, found.values()):
        assert set(rule) == {"---"}
        assert rows
        assert {len(row) for row in rows} == {len(head)}
        words = {word for row in rows for cell in row for word in cell.split()}
        assert words.isdisjoint({"nan", "inf", "-inf"})
