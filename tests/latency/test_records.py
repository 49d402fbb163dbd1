"""Rows of the shipped devices, and what a bad row says."""

import csv
from pathlib import Path

import pytest

from nas.errors import DeviceError, UsageError
from nas.graph import Conv2d, Graph, GraphBuilder
from nas.latency.devices import device_names, load_device
from nas.latency.records import COLUMNS, load_records
from nas.zoo import zoo_entry

FACTS = Path(__file__).parents[3] / "shared" / "measurements"


def zoo_graph(name: str) -> Graph:
    return zoo_entry(name).build()


def tiny(name: str) -> Graph:
    if name != "tiny":
        raise UsageError(f"there is no network {name!r}")
    g = GraphBuilder(channels=3)
    return g.graph(g.append(Conv2d(4), g.input))


GOOD = {
    "network": "tiny",
    "latency_ms": "2.5",
    "used_for_fit": "true",
    "why_not": "",
    "psnr_fp32_db": "",
    "psnr_int8_db": "29.5",
    "psnr_uint8_db": "",
    "conditions": "here, now",
    "source": "me",
}


def write(path: Path, *changes: dict[str, str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(GOOD | change for change in changes)
    return path


def test_a_row_is_read(tmp_path: Path) -> None:
    (record,) = load_records(write(tmp_path / "m.csv", {}), tiny)
    assert (record.latency_ms, record.used_for_fit, record.graph) == (2.5, True, tiny("tiny"))
    assert record.psnr_db == {"psnr_int8_db": 29.5}


def test_a_row_that_is_not_fitted_needs_no_graph(tmp_path: Path) -> None:
    unknown = {"network": "huge", "used_for_fit": "false", "why_not": "no graph"}
    (record,) = load_records(write(tmp_path / "m.csv", unknown), tiny)
    assert record.graph is None


BAD = [
    ({"latency_ms": "fast"}, "latency_ms is a positive number, got 'fast'"),
    ({"latency_ms": "-1"}, "latency_ms is a positive number, got '-1'"),
    ({"latency_ms": "nan"}, "latency_ms is a positive number, got 'nan'"),
    ({"psnr_int8_db": "inf"}, "psnr_int8_db is a positive number, got 'inf'"),
    ({"used_for_fit": "yes"}, "used_for_fit is true or false, got 'yes'"),
    ({"used_for_fit": "false"}, "why_not says why a row is not used, and nothing where it is"),
    ({"why_not": "odd"}, "why_not says why a row is not used, and nothing where it is"),
    ({"source": " "}, "source is empty"),
    ({"network": "huge"}, "there is no network 'huge'"),
]


@pytest.mark.parametrize(("change", "complaint"), BAD)
def test_a_bad_row_is_named_by_file_and_line(
    tmp_path: Path, change: dict[str, str], complaint: str
) -> None:
    path = write(tmp_path / "m.csv", {}, change)
    with pytest.raises(DeviceError) as caught:
        load_records(path, tiny)
    assert str(caught.value) == f"{path}, line 3: {complaint} (mend it)"


def test_a_short_row_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "m.csv", {})
    path.write_text(path.read_text() + "tiny,3\n")
    with pytest.raises(DeviceError) as caught:
        load_records(path, tiny)
    assert str(caught.value) == f"{path}, line 3: a row has 9 cells (mend it)"


def test_other_columns_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("network,ms\n")
    with pytest.raises(DeviceError) as caught:
        load_records(path, tiny)
    expected = f"{path}, line 1: columns are network, ms (need {', '.join(COLUMNS)})"
    assert str(caught.value) == expected


def test_an_absent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeviceError) as caught:
        load_records(tmp_path / "m.csv", tiny)
    assert str(caught.value) == (
        f"there is no file {tmp_path / 'm.csv'} (a device is a folder with one)"
    )


@pytest.mark.parametrize("name", device_names())
def test_every_row_that_is_fitted_has_a_graph_and_a_source(name: str) -> None:
    records = load_records(load_device(name).measurements, zoo_graph)
    assert sum(r.used_for_fit for r in records) == 24
    assert all(r.graph is not None for r in records if r.used_for_fit)


@pytest.mark.parametrize(
    ("device", "file", "column"),
    [
        ("synaptics-vs680", "synaptics_vs680_2022.csv", "npu_ms"),
        ("synaptics-vs680", "synaptics_vs680_2021.csv", "npu_ms"),
        ("mali-g71-mp2", "mali_g71_mp2.csv", "runtime_ms"),
    ],
)
def test_rows_are_the_published_facts(device: str, file: str, column: str) -> None:
    if not FACTS.is_dir():
        pytest.skip(f"the transcribed facts are not here: {FACTS}")
    shipped = {
        (record.network, record.latency_ms)
        for record in load_records(load_device(device).measurements, zoo_graph)
    }
    with (FACTS / file).open(encoding="utf-8", newline="") as rows:
        published = {(row["architecture"], float(row[column])) for row in csv.DictReader(rows)}
    assert published <= shipped
