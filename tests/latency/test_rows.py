"""Rows of a fit: one for each distinct graph, with the median of its times."""

from dataclasses import astuple

import numpy as np
import pytest

from nas.errors import DeviceError
from nas.graph import Conv2d, GraphBuilder, to_text
from nas.latency.devices import load_device
from nas.latency.rows import MIN_GRAPHS, rows_of
from nas.readers.features import FEATURE_NAMES, read_features
from tests.latency.boards import BOARD, GRAPHS, board_rows, evidence_of, measured, plain


def test_a_graph_measured_several_times_is_one_row_with_the_median() -> None:
    again = [
        measured(GRAPHS[2], ms, network=name) for name, ms in zip("aba", (9, 7, 8), strict=True)
    ]
    rows = rows_of(BOARD, [*map(measured, GRAPHS[:2]), *again, *map(measured, GRAPHS[3:])])
    assert len(rows) == len(GRAPHS)
    assert rows.graphs == GRAPHS
    assert rows.times[2] == 8
    assert rows.names[:3] == (*(to_text(g, separator="; ") for g in GRAPHS[:2]), "a, b")


def test_a_row_holds_the_features_of_its_graph() -> None:
    rows = board_rows()
    for graph, features in zip(rows.graphs, rows.features, strict=True):
        found = read_features(graph, height=BOARD.height, width=BOARD.width)
        assert tuple(features) == astuple(found)
    assert rows.design(["macs", "launches"]).tolist() == [
        [row[FEATURE_NAMES.index("macs")], row[FEATURE_NAMES.index("launches")]]
        for row in rows.features.tolist()
    ]


def test_a_graph_counts_as_deployed() -> None:
    g = GraphBuilder(channels=3)
    formed = g.graph(g.append(Conv2d(9, form="ecb"), g.input))
    h = GraphBuilder(channels=3)
    same = h.graph(h.append(Conv2d(9), h.input))
    rows = rows_of(BOARD, [*map(measured, GRAPHS), measured(formed, 4.0), measured(same, 6.0)])
    assert len(rows) == len(GRAPHS) + 1
    assert rows.graphs[-1] == same
    assert rows.times[-1] == 5


def test_a_record_that_is_not_used_is_no_row() -> None:
    odd = measured(plain(3, 3), used_for_fit=False, why_not="odd")
    lost = measured(plain(3, 3), network="lost", graph=None, used_for_fit=False, why_not="no graph")
    rows = rows_of(BOARD, [odd, *map(measured, GRAPHS), lost])
    assert rows.graphs == GRAPHS


def test_each_row_is_its_own_group() -> None:
    assert board_rows().groups.tolist() == list(range(len(GRAPHS)))


def test_three_published_networks_of_the_npu_are_one_graph() -> None:
    rows = evidence_of("synaptics-vs680").rows
    assert rows is not None
    (place,) = (i for i, name in enumerate(rows.names) if "ICL" in name)
    assert rows.names[place] == "TOVB-RBPN, ABPN++, ICL"
    assert rows.times[place] == 43.2  # of 43.3, 43.2 and 43.2
    assert len(rows) == 22  # of 24 records


def test_mirrored_graphs_are_lookalikes() -> None:
    rows = evidence_of("mali-g71-mp2").rows
    assert rows is not None
    names = ["XCAT-T3-21_7-m8-cross", "XCAT-T3-21_7-m8-straight", "XCAT-T3-21_7-m12-cross"]
    cross, straight, other = (rows.names.index(name) for name in names)
    assert rows.graphs[cross] != rows.graphs[straight]
    assert len(set(rows.groups)) == len(rows)
    alike = rows.lookalikes
    assert alike.groups[cross] == alike.groups[straight] != alike.groups[other]
    for group in np.unique(alike.groups):
        together = alike.features[alike.groups == group]
        assert (together == together[0]).all()
    assert len(np.unique(alike.groups)) == len(np.unique(rows.features, axis=0))
    assert alike.names == rows.names


def test_rows_can_be_left_out() -> None:
    rows = board_rows().lookalikes
    kept = np.array([i % 2 == 0 for i in range(len(rows))])
    found = rows.only(kept)
    assert len(found) == 5
    assert (found.names, found.graphs) == (rows.names[::2], rows.graphs[::2])
    assert found.times.tolist() == rows.times[::2].tolist()
    assert found.features.tolist() == rows.features[::2].tolist()
    assert found.groups.tolist() == rows.groups[::2].tolist()


def test_too_few_graphs_are_refused() -> None:
    four = [measured(graph) for graph in GRAPHS[: MIN_GRAPHS - 1]]
    with pytest.raises(DeviceError) as caught:
        rows_of(BOARD, [*four, *four])  # each timed twice
    assert str(caught.value) == (
        "board has rows of 4 distinct graphs, and a fit needs 5 "
        "(measure it with `nas latency calibrate --device board --backend csv`)"
    )
    assert len(rows_of(BOARD, list(map(measured, GRAPHS[:MIN_GRAPHS])))) == MIN_GRAPHS
    with pytest.raises(DeviceError) as caught:
        rows_of(load_device("host-cpu"), [])
    assert str(caught.value) == (
        "host-cpu has rows of 0 distinct graphs, and a fit needs 5 "
        "(measure it with `nas latency calibrate --device host-cpu`)"
    )


def test_times_of_nodes_are_those_of_the_measurement_nearest_the_median() -> None:
    graph = plain(4, 1)
    parts = {ms: tuple(ms / len(graph.nodes) for _ in graph.nodes) for ms in (6.0, 9.0)}
    again = [
        measured(graph, 7.0, network="a"),
        *(measured(graph, ms, network="b", node_ms=told) for ms, told in parts.items()),
    ]
    rows = rows_of(BOARD, [*map(measured, GRAPHS), *again])
    assert rows.node_ms == (*[()] * len(GRAPHS), parts[6.0])
    assert rows.only(rows.times == 7).node_ms == (parts[6.0],)
