"""Times that a person types in: a table out, a table in, and every wrong cell named."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nas.cli.latency import app
from nas.errors import DeviceError, UsageError
from nas.graph import Graph, to_text
from nas.latency.backends.base import Conditions
from nas.latency.calibrate import Job, jobs_left
from nas.latency.devices import Device, load_device, read_device
from nas.latency.fresh import KEPT_BACK
from nas.latency.records import append_records, load_records
from nas.latency.sample import SPACES, plan_networks
from nas.latency.table import COLUMNS, convert_jobs, new_rows, read_table, table_of, write_table
from nas.space import load_space
from tests.latency.stand_in import HEIGHT, WIDTH, law_ms, no_conversion

DEVICE_TOML = f"""name = "board"
description = "A board of tests"
processor = "none"
conditions = "the vendor's program 3.1"
precision = "INT8"
height = {HEIGHT}
width = {WIDTH}
"""
Cells = list[list[str]]


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Device:
    monkeypatch.chdir(tmp_path)
    no_conversion(monkeypatch)
    place = tmp_path / "latency_models" / "board"
    place.mkdir(parents=True)
    (place / "device.toml").write_text(DEVICE_TOML, encoding="utf-8")
    return read_device(place)


@cache
def jobs() -> tuple[Job, ...]:
    spaces = [load_space(name) for name in SPACES]
    found = plan_networks(spaces, samples=6, fresh=2, height=HEIGHT, width=WIDTH)
    return jobs_left(found, ())


def cells_of(path: Path) -> Cells:
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.reader(lines))


def change(path: Path, edit: Callable[[Cells], object]) -> None:
    """Fills in what `edit` makes of the cells, below the header."""
    head, *cells = cells_of(path)
    edit(cells)
    with path.open("w", newline="", encoding="utf-8") as lines:
        csv.writer(lines).writerows([head, *cells])


def fill(cells: Cells) -> None:
    """The law's time in each line but the second."""
    for row, job in zip(cells, jobs(), strict=True):
        row[3] = f"{law_ms(job.graph):.4f}"
    cells[1][3] = ""


def no_name(name: str) -> Graph:
    raise AssertionError(f"nobody asks for {name}")


def typed(*words: str) -> Any:
    return CliRunner().invoke(app, ["calibrate", "--device", "board", *words])


def test_the_table_has_a_line_and_a_file_for_each_network(board: Device) -> None:
    files = list(convert_jobs(board, jobs()))
    path = write_table(board, jobs())
    assert path == board.folder / "to_measure.csv"
    head, *cells = cells_of(path)
    assert tuple(head) == COLUMNS
    assert [path.parent / row[0] for row in cells] == files
    assert all(file.is_file() for file in files)
    assert [row[1] for row in cells] == [to_text(job.graph, separator="; ") for job in jobs()]
    assert [row[2] for row in cells] == ["fit"] * 6 + ["test"] * 2
    assert [row[3] for row in cells] == [""] * 8


def test_a_filled_table_comes_back_as_rows(board: Device) -> None:
    change(write_table(board, jobs()), fill)
    rows = read_table(table_of(board), board, ())
    left = [job for i, job in enumerate(jobs()) if i != 1]  # an empty cell is skipped
    assert [row.graph for row in rows] == [job.graph for job in left]
    assert [row.latency_ms for row in rows] == [round(law_ms(job.graph), 4) for job in left]
    assert [row.why_not for row in rows] == [""] * 5 + [KEPT_BACK] * 2
    assert {row.conditions for row in rows} == {
        Conditions("the vendor's program 3.1", "INT8", HEIGHT, WIDTH, "NHWC", 0, "as typed")
    }
    assert all(row.source.startswith("typed into to_measure.csv, 20") for row in rows)
    append_records(board.measurements, rows)
    assert load_records(board, no_name) == rows


def test_a_typed_time_holds_under_the_conditions_of_the_rows_that_are_there(board: Device) -> None:
    change(write_table(board, jobs()), fill)
    first, *_ = read_table(table_of(board), board, ())
    published = Conditions("program 1", "UINT8", HEIGHT, WIDTH, "NCHW", 4, "as published")
    known = replace(first, conditions=published)
    _, second, *_ = read_table(table_of(board), board, [known])
    assert second.conditions == replace(published, statistic="as typed")


def test_a_table_is_read_again_for_what_is_new(board: Device) -> None:
    path = write_table(board, jobs())
    change(path, fill)
    first = read_table(path, board, ())
    change(path, lambda cells: cells[1].__setitem__(3, "7.5"))
    again = read_table(path, board, first)
    (new,) = new_rows(again, first)
    assert (new.graph, new.latency_ms) == (jobs()[1].graph, 7.5)


def test_a_person_may_add_a_network(board: Device) -> None:
    path = write_table(board, jobs())
    change(path, lambda cells: cells.append(["", "0 input(3); 1 conv(3)", "fit", "2"]))
    (row,) = read_table(path, board, ())
    assert row.network == "0 input(3); 1 conv(3)"


def put(line: int, column: str, text: str) -> Callable[[Cells], object]:
    def edit(cells: Cells) -> None:
        fill(cells)
        cells[line - 2][COLUMNS.index(column)] = text

    return edit


def repeat(cells: Cells) -> None:
    fill(cells)
    cells.append(cells[0])


def shorten(cells: Cells) -> None:
    fill(cells)
    del cells[4][3]


def swap(cells: Cells) -> None:
    fill(cells)
    cells[0][0], cells[2][0] = cells[2][0], cells[0][0]


UNIT = "write 12.5, without a unit; leave it empty where the network did not run"
NO_RUN = "leave it empty where the network did not run"
KEEP = "change nothing but latency_ms"
WRONG: list[tuple[Callable[[Cells], object], str]] = [
    (put(4, "latency_ms", "fast"), f"4: latency_ms is a number, got 'fast' ({UNIT})"),
    (put(4, "latency_ms", "12,5"), f"4: latency_ms is a number, got '12,5' ({UNIT})"),
    (put(5, "latency_ms", "-3"), f"5: latency_ms is a positive number, got -3 ({NO_RUN})"),
    (put(5, "latency_ms", "nan"), f"5: latency_ms is a positive number, got nan ({NO_RUN})"),
    (put(9, "file", "files/x"), f"9: 'files/x' is not the file of this network ({KEEP})"),
    (put(2, "purpose", "tes"), f"2: purpose is fit or test, got 'tes' ({KEEP})"),
    (put(2, "network", "0 cnov(3)"), "2: its network, line 1: expected '0 op(...)', got '0 cnov"),
    (swap, "2: 'files/"),
    (shorten, f"6: a line has 4 cells, got 3 ({KEEP})"),
    (repeat, "10: files/"),
]


@pytest.mark.parametrize(("edit", "message"), WRONG)
def test_a_wrong_cell_is_named(
    board: Device, edit: Callable[[Cells], object], message: str
) -> None:
    path = write_table(board, jobs())
    change(path, edit)
    with pytest.raises(DeviceError) as caught:
        read_table(path, board, ())
    assert str(caught.value).startswith(f"{path}, line {message}")
    assert caught.value.hint


def test_a_time_that_changed_is_no_second_row(board: Device) -> None:
    path = write_table(board, jobs())
    change(path, fill)
    known = read_table(path, board, ())
    change(path, lambda cells: cells[0].__setitem__(3, "9.25"))
    with pytest.raises(DeviceError) as caught:
        read_table(path, board, known)
    assert str(caught.value) == (
        f"{path}, line 2: it took {known[0].latency_ms:g} ms when it was read before, and now "
        f"9.25 ms (delete its row in {board.measurements} if the new time is right)"
    )


def test_a_table_without_a_time_and_none_at_all_are_refused(board: Device) -> None:
    path = write_table(board, jobs())
    with pytest.raises(DeviceError) as caught:
        read_table(path, board, ())
    assert str(caught.value) == (
        f"no time stands in {path} (type milliseconds into latency_ms, line by line)"
    )
    path.write_text("file;network;purpose;latency_ms\n")
    with pytest.raises(DeviceError) as caught:
        read_table(path, board, ())
    assert str(caught.value) == (
        f"{path}, line 1: columns are file;network;purpose;latency_ms "
        "(need file, network, purpose, latency_ms)"
    )
    path.unlink()
    with pytest.raises(DeviceError, match=r"to_measure.csv cannot be read: .*No such file"):
        read_table(path, board, ())


def test_the_command_writes_the_table_then_reads_it(board: Device) -> None:
    first = typed("--samples", "6", "--fresh", "2")
    assert first.exit_code == 0, first.exception
    path = table_of(board)
    assert first.stdout.startswith(f"Wrote {path}: 8 networks, whose files lie in {path.parent}/fi")
    assert "AI Benchmark's PRO mode" in first.stdout
    assert first.stdout.endswith("nas latency calibrate --device board --backend csv\n")
    assert not board.measurements.is_file()
    change(path, fill)
    second = typed("--json")
    data = json.loads(second.stdout)
    assert (data["n"], data["fresh"]["graphs"]) == (5, 2)
    assert f"7 times stand in {path}, 7 of them are new" in second.stderr
    third = typed("--table", str(path))
    assert f"7 times stand in {path}, 0 of them are new" in third.stderr
    assert len(load_records(board, no_name)) == 7


def test_a_shipped_device_without_a_back_end_takes_typed_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    added = "\n".join(
        [",".join(COLUMNS), '"","0 input(3); 1 conv(27); 2 depth_to_space(3)",test,9.5', ""]
    )
    (tmp_path / "mine.csv").write_text(added, encoding="utf-8")
    name = "synaptics-vs680-2021-cpu"
    words = ["calibrate", "--device", name, "--table", "mine.csv", "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.exception
    assert json.loads(done.stdout)["fresh"]["graphs"] == 1
    assert load_device(name).folder == tmp_path / "latency_models" / name


def test_options_of_another_back_end_are_refused(board: Device) -> None:
    done = typed("--threads", "2", "--force")
    assert isinstance(done.exception, UsageError)
    assert str(done.exception) == "the back-end csv has no option threads, force (leave it out)"
