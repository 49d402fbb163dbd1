"""What counts as kept back, and the figures on it."""

from dataclasses import replace

import numpy as np
import pytest

from nas.graph import Conv2d, DepthToSpace, GraphBuilder
from nas.latency.devices import load_device
from nas.latency.fresh import KEPT_BACK, judge
from nas.latency.records import Record
from tests.latency.boards import measured, plain

MODEL = load_device("synaptics-vs680").model
NETWORKS = tuple(plain(width, convs) for width, convs in ((16, 3), (24, 4), (32, 2), (28, 6)))


def kept_back(place: int, factor: float = 1.0) -> Record:
    """A record that is `factor` times what the model expects."""
    graph = NETWORKS[place]
    expected = MODEL.predict(graph).latency_ms
    return measured(graph, factor * expected, used_for_fit=False, why_not=KEPT_BACK)


def test_figures_are_those_of_the_predictions() -> None:
    found = judge(MODEL, [kept_back(0, 1.25), kept_back(1), kept_back(2, 0.8), kept_back(3)])
    assert found is not None
    assert (found.graphs, found.refused) == (4, 0)
    assert found.accuracy.mape == pytest.approx(100 * (0.2 + 0 + 0.25 + 0) / 4)
    assert found.accuracy.within_5 == 50
    predictions = [MODEL.predict(graph) for graph in NETWORKS]
    inside = [
        p.low_ms <= factor * p.latency_ms <= p.high_ms
        for p, factor in zip(predictions, (1.25, 1, 0.8, 1), strict=True)
    ]
    assert found.intervals.coverage == 25 * sum(inside)
    widths = [(p.high_ms - p.low_ms) / p.latency_ms for p in predictions]
    assert found.intervals.width == pytest.approx(100 * np.median(widths))


def test_a_network_measured_twice_counts_once() -> None:
    found = judge(MODEL, [kept_back(0, 1.0), kept_back(0, 1.5), kept_back(1)])
    assert found is not None
    assert found.graphs == 2
    assert found.accuracy.mape == pytest.approx(100 * (1 - 1 / 1.25) / 2)


def test_other_rows_do_not_count() -> None:
    other = replace(kept_back(0, 9), why_not="a typing error")
    fitted = replace(kept_back(1), used_for_fit=True, why_not="")
    assert judge(MODEL, [other, fitted]) is None
    found = judge(MODEL, [other, fitted, kept_back(1, 9), kept_back(2)])
    assert found is not None
    assert (found.graphs, found.accuracy.mape) == (1, pytest.approx(0))


def test_what_the_model_refuses_is_counted_apart() -> None:
    g = GraphBuilder(channels=3)
    strange = g.graph(g.chain(g.input, Conv2d(24, kernel=9), Conv2d(27), DepthToSpace(3)))
    row = measured(strange, 20.0, used_for_fit=False, why_not=KEPT_BACK)
    found = judge(MODEL, [row, kept_back(0), kept_back(1)])
    assert found is not None
    assert (found.graphs, found.refused) == (2, 1)
    assert judge(MODEL, [row]) is None
