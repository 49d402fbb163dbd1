"""Rows of the shipped devices, what a bad row says, and rows that outlive the process."""

import csv
import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.errors import DeviceError, UsageError
from nas.graph import Conv2d, Graph, GraphBuilder
from nas.latency.backends.base import Conditions, Measurement
from nas.latency.devices import Device, device_names, load_device, read_device
from nas.latency.records import COLUMNS, append_records, load_records, row_of
from nas.zoo import zoo_entry
from tests.strategies import graphs

FACTS = Path(__file__).parents[3] / "shared" / "measurements"
FITTED = {
    "galaxy-a21s": 0,
    "mali-g71-mp2": 28,  # 30 but for XCAT-C and -D
    "synaptics-vs680": 24,  # 25 but for ABPN of 2021
    "synaptics-vs680-2021": 6,  # 10 but for 4 without architecture
    "synaptics-vs680-2021-cpu": 5,  # no CPU time of mju_gogogo
    "synaptics-vs680-cpu": 24,
}
GOOD = {
    "device": "board",
    "network": "tiny",
    "latency_ms": "2.5",
    "used_for_fit": "true",
    "why_not": "",
    "runtime": "here",
    "precision": "INT8",
    "input": "640x360",
    "layout": "NHWC",
    "threads": "2",
    "statistic": "median of 9 runs",
    "noise": "0.01",
    "note": "warm",
    "node_ms": "",
    "source": "me",
}
HERE = Conditions("here", "INT8", 360, 640, "NHWC", 2, "median of 9 runs")


def zoo_graph(name: str) -> Graph:
    return zoo_entry(name).build()


def tiny(name: str) -> Graph:
    if name not in ("tiny", "wee"):
        raise UsageError(f"there is no network {name!r}", "try 'tiny'")
    g = GraphBuilder(channels=3)
    return g.graph(g.append(Conv2d(4), g.input))


def board_in(folder: Path) -> Device:
    """A device without rows."""
    shipped = load_device("mali-g71-mp2").folder / "device.toml"
    (folder / "board").mkdir(exist_ok=True)
    text = shipped.read_text(encoding="utf-8").replace('"mali-g71-mp2"', '"board"')
    (folder / "board" / "device.toml").write_text(text, encoding="utf-8")
    (folder / "board" / "measurements.csv").unlink(missing_ok=True)
    return read_device(folder / "board")


@pytest.fixture
def board(tmp_path: Path) -> Device:
    return board_in(tmp_path)


def write(device: Device, *changes: dict[str, str]) -> Device:
    with device.measurements.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(GOOD | change for change in changes)
    return device


def complaint(device: Device) -> str:
    with pytest.raises(DeviceError) as caught:
        load_records(device, tiny)
    return str(caught.value)


def test_a_row_is_read(board: Device) -> None:
    (record,) = load_records(write(board, {}), tiny)
    assert (record.network, record.graph, record.latency_ms) == ("tiny", tiny("tiny"), 2.5)
    assert (record.used_for_fit, record.why_not) == (True, "")
    assert record.conditions == HERE
    assert (record.noise, record.note, record.source) == (0.01, "warm", "me")


def test_times_of_nodes_are_read_and_written(board: Device, tmp_path: Path) -> None:
    (record,) = load_records(write(board, {"node_ms": "0.500001 2"}), tiny)
    assert record.node_ms == (0.500001, 2.0)
    other = tmp_path / "other.csv"
    append_records(other, [record])
    with other.open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["node_ms"] == "0.500001 2"


def test_a_measurement_s_times_of_nodes_are_kept(board: Device) -> None:
    measured = Measurement(2.5, 0.0, HERE, node_ms=(0.5, 2.0))
    assert row_of(board, tiny("tiny"), measured, source="me").node_ms == (0.5, 2.0)


def test_an_empty_cell_is_a_word_without_meaning_or_a_noise_unknown(board: Device) -> None:
    (record,) = load_records(write(board, {"threads": "", "noise": "", "layout": ""}), tiny)
    assert (record.conditions.threads, record.noise, record.conditions.layout) == (0, 0, "")


@pytest.mark.parametrize("network", ["tiny", "zoo:tiny", "0 input(3); 1 conv(4)"])
def test_a_network_is_a_published_name_or_a_text_form(board: Device, network: str) -> None:
    (record,) = load_records(write(board, {"network": network}), tiny)
    assert (record.network, record.graph) == (network, tiny("tiny"))


def test_a_row_that_is_not_fitted_needs_no_graph(board: Device) -> None:
    unknown = {"network": "huge", "used_for_fit": "false", "why_not": "no graph"}
    (record,) = load_records(write(board, unknown), tiny)
    assert record.graph is None


def test_a_table_saved_by_a_spreadsheet_is_read(board: Device) -> None:
    text = write(board, {}).measurements.read_text(encoding="utf-8")
    board.measurements.write_bytes(text.replace("\n", "\r\n").encode("utf-8-sig"))
    assert [r.network for r in load_records(board, tiny)] == ["tiny"]


NOT_USED = {"used_for_fit": "false", "why_not": "odd"}
BAD = [
    ({"node_ms": "1 fast"}, "node_ms is a number, got 'fast' (mend it)"),
    ({"node_ms": "2.5"}, "node_ms has a time for each node of the graph: 2, got 1 (mend it)"),
    ({"node_ms": "3 -0.5"}, "node_ms are numbers of at least 0 (mend it)"),
    ({"node_ms": "0.5 2.03"}, "node_ms add up to 2.53 ms, and latency_ms is 2.5 (mend it)"),
    (
        NOT_USED | {"network": "huge", "node_ms": "2.5"},
        "nobody knows the graph of huge, so node_ms must be empty (mend it)",
    ),
    ({"latency_ms": "fast"}, "latency_ms is a number, got 'fast' (mend it)"),
    ({"latency_ms": ""}, "latency_ms is a number, got '' (mend it)"),
    ({"latency_ms": "0"}, "latency_ms is a positive number, got 0.0 (mend it)"),
    ({"latency_ms": "-1"}, "latency_ms is a positive number, got -1.0 (mend it)"),
    ({"latency_ms": "inf"}, "latency_ms is a positive number, got inf (mend it)"),
    (NOT_USED | {"latency_ms": "nan"}, "latency_ms is a positive number, got nan (mend it)"),
    ({"noise": "some"}, "noise is a number, got 'some' (mend it)"),
    ({"noise": "nan"}, "noise is a number of at least 0, got nan (mend it)"),
    ({"noise": "-0.1"}, "noise is a number of at least 0, got -0.1 (mend it)"),
    ({"used_for_fit": "yes"}, "used_for_fit is true or false, got 'yes' (mend it)"),
    (
        {"used_for_fit": "false"},
        "why_not says why a row is not used, and nothing where it is (mend it)",
    ),
    ({"why_not": "odd"}, "why_not says why a row is not used, and nothing where it is (mend it)"),
    ({"source": " "}, "source is empty (mend it)"),
    ({"runtime": ""}, "runtime is empty (mend it)"),
    ({"note": "two\nlines"}, "note is more than one line (mend it)"),
    ({"network": "huge"}, "there is no network 'huge' (try 'tiny')"),
    (
        NOT_USED | {"network": "0 input(3); 1 cnov(4)"},
        "line 2: expected '1 op(...)', got '1 cnov(4)' (ops are ",
    ),
    (
        {"device": "toaster"},
        "a row of another device, 'toaster', among those of board (move it)",
    ),
    (
        {"input": "360x640"},
        "another input size: 360x640, and board is measured at 640x360 (make another device for it",
    ),
    ({"input": "large"}, "input is WIDTHxHEIGHT, got 'large' (mend it)"),
    ({"threads": "0"}, "threads is a count or empty, got '0' (mend it)"),
    ({"threads": "two"}, "threads is a count or empty, got 'two' (mend it)"),
]


@pytest.mark.parametrize(("change", "said"), BAD)
def test_a_bad_row_is_named_by_file_and_line(
    board: Device, change: dict[str, str], said: str
) -> None:
    end = 4 if "\n" in change.get("note", "") else 3
    write(board, {"network": "wee"}, change)
    assert complaint(board).startswith(f"{board.measurements}, line {end}: {said}")


LAST_LINES = [
    ("board,tiny,3\n", "line 3: a row has 15 cells, got 3 (mend it)"),
    ('board,"tiny\n', "line 3: unexpected end of data (mend it)"),
    ('board,"tiny"!,3\n', "line 3: ',' expected after '\"' (mend it)"),
    (
        "board,tiny,3",
        "line 3: the line has no end, as if its writer had been killed"
        " (delete the line, or end it if it is whole)",
    ),
]


@pytest.mark.parametrize(("line", "said"), LAST_LINES)
def test_a_line_that_is_no_row_is_named(board: Device, line: str, said: str) -> None:
    path = write(board, {}).measurements
    path.write_text(path.read_text(encoding="utf-8") + line, encoding="utf-8")
    assert complaint(board) == f"{path}, {said}"


def test_other_columns_are_refused(board: Device) -> None:
    path = board.measurements
    said = f"{path}, line 1: columns are network, ms (need {', '.join(COLUMNS)})"
    path.write_text("network,ms\n", encoding="utf-8")
    assert complaint(board) == said
    with pytest.raises(DeviceError) as caught:
        append_records(path, [])
    assert str(caught.value) == said
    path.write_text("", encoding="utf-8")
    assert complaint(board).startswith(f"{path}, line 1: columns are  (need device, ")


def test_bytes_that_are_no_text_are_refused(board: Device) -> None:
    board.measurements.write_bytes(b"\xff\xfe")
    assert complaint(board).startswith(f"{board.measurements} cannot be read: 'utf-8' codec")


def test_an_absent_file_is_refused_with_the_way_to_make_it(board: Device) -> None:
    path = board.measurements
    assert complaint(board) == (
        f"board has no rows: there is no {path}"
        " (measure it with `nas latency calibrate --device board --backend csv`)"
    )


TEXT = "0 input(3); 1 conv(4)"
FORM = "0 input(3); 1 conv(4, form=ecb)"  # deploys as TEXT
AGREE = ""
TWO_ROWS = [  # the first, the second, what contradicts itself
    ({}, {"latency_ms": "2.502"}, AGREE),  # 0.08 % apart
    ({}, {"latency_ms": "2.503"}, "tiny"),  # 0.12 %
    ({"network": "zoo:Tiny"}, {"network": "tiny", "latency_ms": "3"}, "tiny"),
    ({}, NOT_USED | {"latency_ms": "3"}, AGREE),
    ({}, {"source": "you", "latency_ms": "3"}, "tiny"),
    ({}, {"network": "wee", "latency_ms": "3"}, AGREE),  # another team's name for the same graph
    ({"network": TEXT}, {"network": FORM, "latency_ms": "3"}, tiny("tiny").digest),
    ({"network": TEXT}, {"network": "0 input(3); 1 conv(5)", "latency_ms": "3"}, AGREE),
    ({}, {"runtime": "there", "latency_ms": "3"}, AGREE),
    ({}, {"precision": "UINT8", "latency_ms": "3"}, AGREE),
    ({}, {"layout": "NCHW", "latency_ms": "3"}, AGREE),
    ({}, {"threads": "1", "latency_ms": "3"}, AGREE),
    ({}, {"statistic": "minimum", "latency_ms": "3"}, AGREE),
]


@pytest.mark.parametrize(("first", "second", "which"), TWO_ROWS)
def test_rows_that_contradict_each_other_are_refused_with_both_lines(
    board: Device, first: dict[str, str], second: dict[str, str], which: str
) -> None:
    write(board, first, {"network": "0 input(1); 1 relu()"}, second)

    def resolve(name: str) -> Graph:
        return tiny(name.lower())  # as the zoo, which knows no case

    if which == AGREE:
        assert len(load_records(board, resolve)) == 3
        return
    with pytest.raises(DeviceError) as caught:
        load_records(board, resolve)
    assert str(caught.value) == (
        f"{board.measurements}, line 4: {which} took {float(second['latency_ms'])} ms here and "
        "2.5 ms in line 2, under equal conditions (keep one of them for the fit)"
    )


def measured(latency_ms: float = 2.5, note: str = "", noise: float = 0.0) -> Measurement:
    return Measurement(latency_ms, noise, HERE, note)


lines = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]))
times = st.floats(min_value=0, exclude_min=True, allow_infinity=False)


@settings(deadline=None, max_examples=100)
@given(
    graph=graphs(),
    latency_ms=times,
    noise=st.floats(0, 1),
    note=st.text(st.characters(codec="utf-8")),
    source=lines.filter(str.strip),
    runtime=lines.filter(str.strip),
    threads=st.integers(0, 64),
)
def test_what_is_appended_is_what_is_loaded(
    tmp_path_factory: pytest.TempPathFactory,
    graph: Graph,
    latency_ms: float,
    noise: float,
    note: str,
    source: str,
    runtime: str,
    threads: int,
) -> None:
    device = board_in(tmp_path_factory.getbasetemp())
    conditions = Conditions(runtime, "INT8", 360, 640, "", threads, "median")
    found = Measurement(latency_ms, noise, conditions, note)
    record = row_of(device, graph, found, source=source)
    append_records(device.measurements, [record])
    append_records(device.measurements, [record, record])
    assert load_records(device, tiny) == (record,) * 3
    assert record.graph == graph


@settings(deadline=None, max_examples=50)
@given(data=st.data())
def test_a_file_cut_anywhere_is_refused_or_has_whole_rows(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    device = board_in(tmp_path_factory.getbasetemp())
    names = ("tiny", "wee")
    rows = [row_of(device, tiny(n), measured(), source="a, b", name=n) for n in names]
    append_records(device.measurements, rows)
    whole = device.measurements.read_bytes()
    cut = data.draw(st.integers(1, len(whole) - 1))
    device.measurements.write_bytes(whole[:cut])
    if whole[:cut].endswith(b"\n"):
        assert load_records(device, tiny) == tuple(rows[: whole[:cut].count(b"\n") - 1])
        return
    torn = whole[:cut].count(b"\n") + 1
    assert f"line {torn}: the line has no end" in complaint(device)
    with pytest.raises(DeviceError, match=f"line {torn}: the line has no end"):
        append_records(device.measurements, rows)  # it would be glued to the torn line
    assert device.measurements.read_bytes() == whole[:cut]


def test_a_row_is_on_the_disk_when_append_returns(
    board: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bytes] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(board.measurements.read_bytes()))
    append_records(board.measurements, [row_of(board, tiny("tiny"), measured(), source="me")])
    assert synced == [board.measurements.read_bytes()]
    assert synced[0].endswith(b",me\n")


def test_a_full_disk_leaves_the_file_as_it_was(
    board: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    before = write(board, {}).measurements.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DeviceError) as caught:
        append_records(board.measurements, [row_of(board, tiny("wee"), measured(), source="me")])
    assert str(caught.value) == (
        f"cannot write {board.measurements}: No space left on device (no row was added)"
    )
    assert board.measurements.read_bytes() == before


def test_a_measurement_may_go_by_a_published_name(board: Device) -> None:
    record = row_of(board, tiny("tiny"), measured(note="two\n lines"), source="me", name="zoo:tiny")
    assert (record.network, record.note) == ("zoo:tiny", "two lines")
    append_records(board.measurements, [record])
    assert load_records(board, tiny) == (record,)


def test_a_measurement_that_cannot_be_is_refused_before_it_is_written(board: Device) -> None:
    with pytest.raises(DeviceError) as caught:
        row_of(board, tiny("tiny"), measured(float("nan")), source="me")
    assert str(caught.value) == "latency_ms is a positive number, got nan (mend it)"
    other = Measurement(1.0, 0.0, Conditions("here", "INT8", 180, 320, "", 0, "estimate"))
    with pytest.raises(DeviceError) as caught:
        row_of(board, tiny("tiny"), other, source="me")
    assert str(caught.value) == (
        "another input size: 320x180, and board is measured at 640x360 (make another device for it)"
    )


def with_rows() -> list[str]:
    return [name for name in device_names() if load_device(name).measurements.is_file()]


def test_published_devices_have_their_rows() -> None:
    assert set(FITTED) <= set(with_rows())


@pytest.mark.parametrize("name", with_rows())
def test_every_row_that_is_fitted_has_a_graph_and_a_source(name: str) -> None:
    records = load_records(load_device(name), zoo_graph)
    fitted = sum(r.used_for_fit for r in records)
    assert fitted == FITTED.get(name, fitted)
    assert all(r.graph is not None for r in records if r.used_for_fit)


PUBLISHED = [  # device, file of facts, its column, which of its rows
    ("synaptics-vs680", "synaptics_vs680_2022.csv", "npu_ms", {}),
    ("synaptics-vs680", "other_devices.csv", "runtime_ms", {"device": "synaptics-vs680"}),
    ("synaptics-vs680-2021", "synaptics_vs680_2021.csv", "npu_ms", {}),
    ("synaptics-vs680-cpu", "synaptics_vs680_2022.csv", "cpu_ms", {}),
    ("synaptics-vs680-2021-cpu", "synaptics_vs680_2021.csv", "cpu_ms", {}),
    ("mali-g71-mp2", "mali_g71_mp2.csv", "runtime_ms", {}),
    ("galaxy-a21s", "other_devices.csv", "runtime_ms", {"device": "samsung-galaxy-a21s"}),
]


@pytest.mark.parametrize("device", sorted(FITTED))
def test_rows_are_the_published_facts_and_no_others(device: str) -> None:
    if not FACTS.is_dir():
        pytest.skip(f"the transcribed facts are not here: {FACTS}")
    published: Counter[tuple[str, float]] = Counter()
    for name, file, column, wanted in PUBLISHED:
        if name != device:
            continue
        with (FACTS / file).open(encoding="utf-8", newline="") as rows:
            published.update(
                (row["architecture"], float(row[column]))
                for row in csv.DictReader(rows)
                if row[column] and wanted.items() <= row.items()
            )
    records = load_records(load_device(device), zoo_graph)
    assert Counter((r.network, r.latency_ms) for r in records) == published


def test_layouts_of_the_xcat_paper_are_those_of_the_rows() -> None:
    records = load_records(load_device("synaptics-vs680"), zoo_graph)
    found = {(r.latency_ms, r.conditions.layout) for r in records if r.network == "XCAT"}
    assert found == {(30.2, "NCHW"), (30, "NCHW"), (8.8, "NHWC")}
    fitted = {r.network: r.conditions.layout for r in records if r.used_for_fit}
    assert {name for name, layout in fitted.items() if layout == "NCHW"} == {"XCAT"}
