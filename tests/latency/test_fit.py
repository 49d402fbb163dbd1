"""A fit: gives the shipped models again, finds a law, and leans on a parent where rows are few."""

import math
from dataclasses import replace

import numpy as np
import pytest

from nas.graph import Clip, Conv2d, DepthToSpace, Graph, GraphBuilder
from nas.latency.devices import Device, load_device
from nas.latency.fit import fit_model
from nas.latency.model import LatencyModel
from nas.latency.rows import Rows, rows_of
from tests.latency.boards import (
    BOARD,
    GRAPHS,
    WHOLE,
    board_rows,
    evidence_of,
    law_ms,
    measured,
    plain,
)

ASKED = (plain(14, 3), plain(8, 6), plain(30, 7))  # no rows, and not far from them


def times_of(model: LatencyModel, *graphs: Graph) -> list[float]:
    return [model.predict(graph).latency_ms for graph in graphs]


def rows_like(name: str) -> Rows:
    rows = evidence_of(name).rows
    assert rows is not None
    return rows


@pytest.mark.parametrize("name", WHOLE)
def test_a_refit_gives_the_shipped_model(name: str) -> None:
    shipped, evidence = load_device(name).model, evidence_of(name)
    found = fit_model(evidence.device, rows_like(name), evidence.parent)
    assert found.form == shipped.form
    assert found.coefficients == pytest.approx(dict(shipped.coefficients), rel=1e-3)
    assert np.array(found.places) == pytest.approx(np.array(shipped.places), rel=1e-3)
    assert found.misses == pytest.approx(shipped.misses, rel=1e-3, abs=1e-5)
    # `validate` sets the width by networks that no choice has seen, which are missed more.
    assert found.log_half_width <= 1.2 * shipped.log_half_width
    assert (found.smallest_ms, found.largest_ms) == (shipped.smallest_ms, shipped.largest_ms)
    assert found.covered == dict(shipped.covered)
    assert found.way_to_measure == shipped.way_to_measure
    assert found.metadata["distinct_graphs"] == shipped.metadata["distinct_graphs"]
    assert found.metadata["parent"] == (evidence.device.parent or None)


def test_a_law_without_noise_is_found() -> None:
    model = fit_model(BOARD, board_rows())
    assert times_of(model, *GRAPHS) == pytest.approx([law_ms(g) for g in GRAPHS], rel=2e-3)
    assert times_of(model, *ASKED) == pytest.approx([law_ms(g) for g in ASKED], rel=5e-3)
    assert model.log_half_width < 0.01
    assert (model.smallest_ms, model.largest_ms) == (
        min(map(law_ms, GRAPHS)),
        max(map(law_ms, GRAPHS)),
    )


def test_noisy_rows_make_a_wide_interval() -> None:
    quiet, loud = (fit_model(BOARD, board_rows(noise=noise)) for noise in (0.01, 0.1))
    assert quiet.log_half_width < 0.03 < loud.log_half_width < 0.3


def test_every_row_is_left_out_once_where_there_are_many() -> None:
    graphs = [plain(width, convs) for width in (8, 14, 30) for convs in range(1, 11)]
    model = fit_model(BOARD, rows_of(BOARD, list(map(measured, graphs))))
    assert model.log_half_width < 0.01
    assert times_of(model, *ASKED) == pytest.approx([law_ms(g) for g in ASKED], rel=5e-3)


def twins(width: int) -> list[Graph]:
    """Two graphs that no term tells apart."""
    body = (Conv2d(width, kernel=1), Conv2d(width))
    found = []
    for order in (body, body[::-1]):
        g = GraphBuilder(channels=3)
        end = (Conv2d(27), Clip(), DepthToSpace(3))
        found.append(g.graph(g.chain(g.input, Conv2d(width), *order, *end)))
    return found


def test_a_twin_is_no_help_where_both_are_left_out_together() -> None:
    rng = np.random.default_rng(0)
    pairs = [twins(width) for width in (2, 8, 20, 48, 96, 160)]
    graphs = [graph for pair in pairs for graph in pair]
    times = [law_ms(pair[0]) * math.exp(0.3 * rng.normal()) for pair in pairs]
    rows = rows_of(
        BOARD, [measured(g, ms) for g, ms in zip(graphs, np.repeat(times, 2), strict=True)]
    )
    helped, alone = (fit_model(BOARD, r).log_half_width for r in (rows, rows.lookalikes))
    assert alone > 10 * helped


def test_arithmetic_is_never_faster_than_the_peak() -> None:
    device = load_device("synaptics-vs680")
    model = device.model
    assert model.coefficients[model.form.macs] >= 1 / device.peak_macs_per_ms
    slow = replace(BOARD, peak_macs_per_ms=1e8)  # a tenth of what the law computes in 1 ms
    found = fit_model(slow, board_rows())
    assert found.coefficients[found.form.macs] >= 1e-8


def test_the_order_of_the_rows_is_no_matter() -> None:
    evidence, rows = evidence_of("synaptics-vs680-2021"), rows_like("synaptics-vs680-2021")
    turned = replace(
        rows,
        names=rows.names[::-1],
        graphs=rows.graphs[::-1],
        features=rows.features[::-1],
        times=rows.times[::-1],
    )
    first, second = (fit_model(evidence.device, r, evidence.parent) for r in (rows, turned))
    assert second.form == first.form
    assert second.coefficients == pytest.approx(dict(first.coefficients), rel=1e-4)
    assert second.log_half_width == pytest.approx(first.log_half_width, rel=1e-4)


def test_the_same_rows_give_the_same_model() -> None:
    evidence, rows = evidence_of("synaptics-vs680-2021"), rows_like("synaptics-vs680-2021")
    texts = {fit_model(evidence.device, rows, evidence.parent).to_json() for _ in range(2)}
    assert len(texts) == 1


def test_a_device_that_is_slower_in_all_is_predicted_slower_by_as_much() -> None:
    rows = board_rows(noise=0.05)
    quick, slow = (fit_model(BOARD, replace(rows, times=f * rows.times)) for f in (1, 40))
    assert times_of(slow, *ASKED) == pytest.approx([40 * t for t in times_of(quick, *ASKED)], 1e-3)
    assert slow.log_half_width == pytest.approx(quick.log_half_width, rel=1e-3)


CHILD: Device = replace(BOARD, name="child", parent="board")
FEW = GRAPHS[:5]  # too few to tell the law


def child_rows(factor: float) -> Rows:
    """Rows of a device that takes `factor` times as long as the board, but for 2 % of noise."""
    rng = np.random.default_rng(1)
    times = [factor * law_ms(graph) * math.exp(0.02 * rng.normal()) for graph in FEW]
    return rows_of(CHILD, [measured(g, ms) for g, ms in zip(FEW, times, strict=True)])


@pytest.mark.parametrize("factor", [0.2, 1, 3])
def test_few_rows_bring_a_parent_to_their_speed(factor: float) -> None:
    rows, far = child_rows(factor), plain(30, 9)
    leaning = fit_model(CHILD, rows, fit_model(BOARD, board_rows()))
    assert times_of(leaning, far) == pytest.approx([factor * law_ms(far)], rel=0.05)
    assert leaning.metadata["parent"] == "board"
    alone = fit_model(CHILD, rows)
    assert alone.metadata["parent"] is None
    errors = [abs(times_of(m, far)[0] / law_ms(far) / factor - 1) for m in (leaning, alone)]
    assert errors[0] < errors[1]


def test_what_the_parent_covers_is_covered_and_own_rows_are_counted() -> None:
    parent = replace(fit_model(BOARD, board_rows()), covered={"Tanh at x1": 7, "Clip at x1": 9})
    model = fit_model(CHILD, child_rows(1), parent)
    assert model.covered["Tanh at x1"] == 7
    assert model.covered["Clip at x1"] == len(FEW)
    assert list(model.covered) == sorted(model.covered)
