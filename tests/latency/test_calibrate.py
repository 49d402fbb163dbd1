"""A calibration: recovers a known law, loses nothing, measures nothing twice, refuses in time."""

import json
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nas.cli.latency import app
from nas.errors import DeviceError, UsageError
from nas.graph import Graph, parse_text, to_text
from nas.latency import backends
from nas.latency.backends.base import Conditions
from nas.latency.calibrate import (
    GIVE_UP,
    calibrate,
    check_hardware,
    filed,
    jobs_left,
    known_records,
)
from nas.latency.devices import Device, load_device, read_device
from nas.latency.fit import fit_model
from nas.latency.fresh import KEPT_BACK, judge
from nas.latency.records import Record, append_records, row_of
from nas.latency.rows import rows_of
from nas.latency.sample import SPACES, Plan, plan_networks
from nas.space import load_space
from tests.latency.stand_in import CONDITIONS, HEIGHT, WIDTH, StandIn, law_ms, no_conversion

DEVICE_TOML = f"""name = "board"
description = "A board of tests"
processor = "none"
conditions = "made up"
precision = "INT8"
height = {HEIGHT}
width = {WIDTH}
backend = "host-cpu"
"""
FEW = ("--samples", "5", "--fresh", "2")
SMALL_SPACE = """
from nas.graph import Conv2d, DepthToSpace, GraphBuilder
from nas.space import Choice, Space

def build(pick, scale):
    g = GraphBuilder(channels=3)
    body = [Conv2d(pick.width, activation="relu") for _ in range(pick.depth)]
    return g.graph(g.chain(g.input, *body, Conv2d(27), DepthToSpace(3)))

space = Space(
    "small",
    (Choice("width", tuple(range(4, 44))), Choice("depth", (1, 2, 3))),
    build,
)
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder in no checkout, where nothing is converted."""
    monkeypatch.chdir(tmp_path)
    no_conversion(monkeypatch)
    return tmp_path


@pytest.fixture
def board(elsewhere: Path) -> Device:
    return make_board(elsewhere)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """What the commands open, whatever they ask for."""
    program = StandIn()
    monkeypatch.setattr(backends, "open_backend", lambda *asked, **options: program)
    return program


def make_board(folder: Path, toml: str = DEVICE_TOML) -> Device:
    place = folder / "latency_models" / "board"
    place.mkdir(parents=True)
    (place / "device.toml").write_text(toml, encoding="utf-8")
    return read_device(place)


@cache
def plan(samples: int, fresh: int) -> Plan:
    spaces = [load_space(name) for name in SPACES]
    return plan_networks(spaces, samples=samples, fresh=fresh, height=HEIGHT, width=WIDTH)


def no_name(name: str) -> Graph:
    raise AssertionError(f"nobody asks for {name}")


def rows(device: Device) -> tuple[Record, ...]:
    return known_records(device, no_name)


def run(device: Device, program: StandIn, wanted: Plan) -> list[Any]:
    known = rows(device)
    jobs = jobs_left(wanted, known)
    return list(calibrate(device, program, jobs, known, source="tests"))


def typed(*words: str) -> Any:
    return CliRunner().invoke(app, ["calibrate", *words])


def test_a_known_law_is_recovered(board: Device) -> None:
    steps = run(board, StandIn(), plan(30, 20))
    assert len(steps) == 50
    records = rows(board)
    assert [step.record for step in steps] == list(records)
    found = judge(fit_model(board, rows_of(board, records)), records)
    assert found is not None
    assert (found.graphs, found.refused) == (20, 0)
    assert found.accuracy.mape < 4
    assert found.accuracy.spearman > 0.99


def test_rows_say_what_they_are_for(board: Device) -> None:
    run(board, StandIn(), plan(3, 2))
    records = rows(board)
    assert [(r.used_for_fit, r.why_not) for r in records] == [(True, "")] * 3 + [
        (False, KEPT_BACK)
    ] * 2
    assert [r.graph for r in records] == [*plan(3, 2).sample, *plan(3, 2).fresh]
    assert {(r.device, r.source, r.noise, r.conditions) for r in records} == {
        ("board", "tests", 0.004, CONDITIONS)
    }
    assert [r.latency_ms for r in records] == [law_ms(r.graph) for r in records if r.graph]


def test_a_killed_calibration_goes_on_and_measures_nothing_twice(board: Device) -> None:
    program = StandIn()

    def stop(graph: Graph) -> None:
        if len(program.asked) == 4:
            raise KeyboardInterrupt

    program.refuses = stop
    with pytest.raises(KeyboardInterrupt):
        run(board, program, plan(6, 2))
    assert len(rows(board)) == 3
    again = StandIn()
    run(board, again, plan(6, 2))
    assert len(again.asked) == 5
    assert not {*program.asked[:3]} & {*again.asked}
    assert len(rows(board)) == len({r.graph for r in rows(board)}) == 8
    more = StandIn()
    run(board, more, plan(7, 3))
    assert more.asked == [plan(7, 3).sample[6].digest, plan(7, 3).fresh[2].digest]


def test_a_row_is_on_the_disk_before_the_next_network(board: Device) -> None:
    steps = calibrate(board, StandIn(), jobs_left(plan(3, 0), ()), (), source="tests")
    for done, step in enumerate(steps, 1):
        assert rows(board)[-1] == step.record
        assert len(rows(board)) == done


def test_a_network_that_fails_is_reported_and_skipped(board: Device) -> None:
    bad = {graph.digest for graph in plan(6, 2).sample[1:6:2]}
    program = StandIn(refuses=lambda graph: "out of\nmemory" if graph.digest in bad else None)
    steps = run(board, program, plan(6, 2))
    assert [step.problem for step in steps] == ["", "out of memory"] * 3 + ["", ""]
    assert [step.record is None for step in steps] == [False, True] * 3 + [False, False]
    assert len(rows(board)) == 5


def test_what_fails_again_and_again_stops(board: Device) -> None:
    good = plan(6, 2).sample[0]
    program = StandIn(refuses=lambda graph: None if graph == good else "out of memory")
    with pytest.raises(DeviceError) as caught:
        run(board, program, plan(6, 2))
    assert str(caught.value) == (
        "3 networks in a row failed on board, the last: out of memory "
        "(what was measured is kept; mend it and give the same command again)"
    )
    assert len(program.asked) == 1 + GIVE_UP
    assert len(rows(board)) == 1


def test_rows_of_other_conditions_are_refused(board: Device) -> None:
    run(board, StandIn(), plan(2, 0))
    newer = StandIn(conditions=replace(CONDITIONS, runtime="stand-in 2.0", threads=4))
    with pytest.raises(DeviceError) as caught:
        run(board, newer, plan(4, 0))
    assert str(caught.value) == (
        "board was measured under other conditions: runtime stand-in 1.0, and now stand-in 2.0; "
        "threads 2, and now 4 (give --device a new name: rows of different conditions do not "
        "belong in one fit)"
    )
    assert len(rows(board)) == 2


def test_a_saved_row_spoils_neither_fit_nor_test(board: Device) -> None:
    run(board, StandIn(), plan(2, 1))

    def saved(graph: Graph, conditions: Conditions = CONDITIONS) -> str:
        measured = replace(StandIn().measure(graph, Path()), conditions=conditions)
        return filed(row_of(board, graph, measured, source="tests"), rows(board)).why_not

    assert saved(plan(3, 1).sample[2]) == ""
    assert saved(plan(3, 1).sample[0]) == "measured before under the same conditions"
    assert saved(plan(3, 1).fresh[0]) == KEPT_BACK
    other = replace(CONDITIONS, threads=4)
    assert saved(plan(3, 1).sample[2], other) == "no fitted row was measured under these conditions"


def test_from_nothing_to_a_model(
    elsewhere: Path, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_board(elsewhere, DEVICE_TOML.replace('backend = "host-cpu"\n', ""))
    words = ("--device", "board", "--backend", "host-cpu", "--samples", "10", "--fresh", "4")
    done = typed(*words)
    assert done.exit_code == 0, done.exception
    assert "board: 10 networks to fit and 4 to keep back; 0 are measured already" in done.stderr
    assert "14/14 " in done.stderr
    assert "10 networks, each left out of the fit once" in done.stdout
    assert "4 networks kept back, never fitted" in done.stdout
    assert "Noise of a measurement (median): 0.4 %" in done.stdout
    device = load_device("board")
    assert (device.backend, device.has_model) == ("host-cpu", True)
    card = (device.folder / "card.md").read_text(encoding="utf-8")
    assert "## Accuracy on networks kept back\n\n4 networks were drawn at random" in card
    assert "A stand-in" in card
    before = len(stand_in.asked)
    again = typed(*words, "--json")
    assert len(stand_in.asked) == before == 14
    data = json.loads(again.stdout)
    assert (data["device"], data["n"], data["fresh"]["graphs"]) == ("board", 10, 4)
    assert data["noise"] == pytest.approx(0.4)
    assert data["predictors"]["model"]["mape"] < data["predictors"]["mean"]["mape"]
    assert device.model.metadata["unseen"]["mape"] == pytest.approx(
        data["predictors"]["model"]["mape"], abs=1e-3
    )


def test_another_device_s_model_saves_networks(elsewhere: Path, stand_in: StandIn) -> None:
    assert typed("--device", "board", "--samples", "1").exit_code == 1  # there is none yet
    make_board(elsewhere)
    assert typed("--device", "board", "--samples", "9", "--fresh", "0").exit_code == 0
    done = typed("--device", "new", "--backend", "host-cpu", "--from", "board", "--fresh", "0")
    assert done.exit_code == 0, done.exception
    assert "new: 8 networks to fit and 0 to keep back" in done.stderr
    device = load_device("new")
    assert device.folder == elsewhere / "latency_models" / "new"
    assert (device.parent, device.backend) == ("board", "host-cpu")
    assert (device.height, device.width) == (HEIGHT, WIDTH)
    assert device.processor == "A stand-in"
    assert device.model.metadata["parent"] == "board"
    resumed = typed("--device", "new", "--fresh", "0")
    assert "new: 8 networks to fit and 0 to keep back; 8 are measured already" in resumed.stderr


def test_ctrl_c_says_that_nothing_is_lost(board: Device, stand_in: StandIn) -> None:
    def stop(graph: Graph) -> None:
        if len(stand_in.asked) == 3:
            raise KeyboardInterrupt

    stand_in.refuses = stop
    done = typed("--device", "board")
    assert done.exit_code == 130
    assert done.stderr.endswith("stopped: what was measured is kept, the same command goes on\n")
    assert len(rows(board)) == 2


def test_what_cannot_be_measured_is_refused_before_anything_is_made(
    elsewhere: Path, stand_in: StandIn
) -> None:
    stand_in.busy = True
    done = typed("--device", "new", "--backend", "host-cpu")
    assert isinstance(done.exception, DeviceError)
    assert str(done.exception) == "this machine is busy (wait)"
    assert not (elsewhere / "latency_models").exists()


def test_another_number_of_threads_is_another_device(board: Device) -> None:
    run(board, StandIn(), plan(2, 0))
    done = typed("--device", "board", "--threads", "4")
    assert isinstance(done.exception, UsageError)
    assert str(done.exception) == (
        "board was measured on 2 threads, not on 4 (give --device a new name for another number)"
    )


def test_rows_keep_their_number_of_threads(board: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    run(board, StandIn(), plan(2, 0))
    opened: list[dict[str, Any]] = []

    def open_backend(*asked: str, **options: Any) -> StandIn:
        opened.append(options)
        return StandIn(busy=True)

    monkeypatch.setattr(backends, "open_backend", open_backend)
    typed("--device", "board")
    assert opened == [{"threads": 2}]


def test_vela_really_run(elsewhere: Path) -> None:
    make_board(elsewhere, DEVICE_TOML.replace("host-cpu", "vela"))
    (elsewhere / "small.py").write_text(SMALL_SPACE, encoding="utf-8")
    words = ("--device", "board", "--accelerator", "ethos-u65", "--space", "small.py")
    script = "from nas.cli.main import main; main()"  # where libraries write past Python's streams
    done = subprocess.run(
        [sys.executable, "-c", script, "latency", "calibrate", *words, *FEW, "--json"],
        cwd=elsewhere,
        capture_output=True,
        check=True,
        text=True,
    )
    data = json.loads(done.stdout)
    assert (data["n"], data["fresh"]["graphs"], data["noise"]) == (5, 2, None)
    assert [line.partition(" ")[0] for line in done.stderr.splitlines()] == [
        "board:",
        *(f"{place}/7" for place in range(1, 8)),
        "fitting,",
        "wrote",
    ]
    records = rows(load_device("board"))
    assert len(records) == 7
    assert all(r.conditions.runtime.startswith("Vela ") for r in records)
    assert all(r.source.startswith("Arm ethos-u65-256, ") for r in records)
    assert {to_text(r.graph) for r in records if r.graph} == {
        to_text(job.graph) for job in jobs_left(_small_plan(), ())
    }


def _small_plan() -> Plan:
    return plan_networks(
        [load_space("small.py")], samples=5, fresh=2, height=HEIGHT, width=WIDTH, by_op=True
    )


def test_rows_of_a_person_count_as_measured(board: Device) -> None:
    graph = plan(2, 0).sample[1]
    row = row_of(board, graph, StandIn().measure(graph, Path()), source="a person")
    append_records(board.measurements, [row])
    program = StandIn()
    run(board, program, plan(2, 0))
    assert program.asked == [plan(2, 0).sample[0].digest]


def test_rows_of_another_machine_are_refused_before_measuring(board: Device) -> None:
    graph = parse_text("0 input(3); 1 conv(27); 2 depth_to_space(3)")
    row = row_of(board, graph, StandIn().measure(graph, Path()), source="My machine, 2026-01-01")
    check_hardware(board, [row], "My machine")
    check_hardware(board, [replace(row, used_for_fit=False, why_not="typed")], "Yours")
    with pytest.raises(DeviceError) as caught:
        check_hardware(board, [row], "Yours")
    assert str(caught.value) == (
        "board was measured elsewhere (My machine, 2026-01-01), and this is Yours "
        "(give --device a new name for it; --from starts it from that one's model)"
    )
