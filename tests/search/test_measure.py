"""Finalists that are measured: by a stand-in for the back-end, on a board that is not there."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from nas.cli.search import _as_json, _show
from nas.errors import DeviceError, RunError, UsageError
from nas.graph import Graph, parse_text
from nas.latency.backends.base import Measurement
from nas.latency.devices import Device, load_device, read_device
from nas.search import measure
from nas.search.config import SearchConfig
from nas.search.run import RunResult, resume, start
from nas.search.score import challenge_score
from tests.search.boards import CONDITIONS, SMALL_SPACE, StandIn, make_board, stack, true_ms
from tests.search.test_run import FAKES, Listener

BENCH = f"{FAKES}:Converting"


@pytest.fixture
def board() -> Device:
    Path("small.py").write_text(SMALL_SPACE)
    return make_board()


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    meter = StandIn()
    monkeypatch.setattr(measure, "open_backend", meter.open)
    monkeypatch.setattr(measure, "input_size", lambda file: (360, 640))
    return meter


def search(images: str, **changes: Any) -> tuple[RunResult, list[str]]:
    """A run over all four networks of the space, and what it told."""
    name, listener = changes.pop("name", "r"), Listener()
    asked = {"budget": 4, "space": "small.py", "device": "board", "data": images}
    config = SearchConfig(**{**asked, "measure": "host-cpu", **changes})
    return start(config, name=name, watch=listener, bench=BENCH), listener.notes


def again(**given: Any) -> tuple[RunResult, list[str]]:
    listener = Listener()
    given = {"space": "small.py", **given}  # a file, so it must be named again
    return resume("r", given, watch=listener, bench=BENCH), listener.notes


def rows(device: Device) -> list[dict[str, str]]:
    with device.measurements.open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_finalists_have_measured_times_beside_the_predicted(
    images: str, board: Device, stand_in: StandIn
) -> None:
    result, notes = search(images)
    assert len(result.finalists) > 1
    for finalist in result.finalists:
        graph = parse_text(finalist["network"])
        assert finalist["measured_ms"] == 2 * true_ms(graph)
        assert finalist["latency_ms"] == pytest.approx(true_ms(graph), rel=0.01)
        assert finalist["score_measured"] == challenge_score(
            finalist["psnr_litert_int8_db"], finalist["measured_ms"]
        )
        stored = json.loads(Path(f"runs/r/finalists/{finalist['trial']}/result.json").read_text())
        assert stored.items() <= finalist.items()
        assert stored["measured_how"] == "measured by host-cpu"
        assert (stored["measured_noise"], stored["measured_note"]) == (0.02, "warm")
        assert stored["measured_conditions"]["runtime"] == CONDITIONS.runtime
    assert json.loads(Path("runs/r/finalists.json").read_text()) == result.finalists
    assert json.loads(Path("runs/r/best/result.json").read_text()) == result.best
    assert stand_in.files == ["model.tflite"] * len(result.finalists)
    assert stand_in.options == {"threads": 2}  # as the rows of the board were measured
    assert f"{len(result.finalists)} finalists are measured by host-cpu" in notes
    assert result.worth_measuring == []


def test_the_model_learns_and_tells_what_changed(
    images: str, board: Device, stand_in: StandIn
) -> None:
    before = board.model
    result, notes = search(images)
    after = read_device(board.folder).model
    assert len(rows(board)) == 6 + len(result.finalists)
    assert all(row["source"].startswith("a test, run r, trial ") for row in rows(board)[6:])
    for finalist in result.finalists:
        graph = parse_text(finalist["network"])
        then_ms, now_ms = (model.predict(graph).latency_ms for model in (before, after))
        assert abs(now_ms - finalist["measured_ms"]) < abs(then_ms - finalist["measured_ms"])
        assert finalist["latency_ms"] == then_ms
        assert finalist["latency_refitted_ms"] == now_ms
        assert (
            f"trial {finalist['trial']}: {finalist['latency_ms']:.2f} predicted before, "
            f"{finalist['latency_refitted_ms']:.2f} now, {finalist['measured_ms']:.2f} "
            "measured by host-cpu"
        ) in notes
    folder = board.folder.resolve()
    assert f"{folder} now rests on {6 + len(result.finalists)} networks; in ms:" in notes


def test_the_best_is_the_best_by_measured_score(
    images: str, board: Device, stand_in: StandIn
) -> None:
    favourite = search(images, measure=None, name="predicted")[0].best
    slow = {favourite["digest"]}
    stand_in.ms_of = lambda graph: (50 if graph.digest in slow else 1) * true_ms(graph)
    result, _ = search(images)
    assert result.best["digest"] != favourite["digest"]
    assert result.best["score"] < favourite["score"]
    ordered = [finalist["score_measured"] for finalist in result.finalists]
    assert ordered == sorted(ordered, reverse=True)
    assert Path("runs/r/best/model.txt").read_text() == result.best["digest"]


def test_a_measured_time_over_the_limit_is_told_and_does_not_win(
    images: str, board: Device, stand_in: StandIn
) -> None:
    favourite = search(images, measure=None, name="predicted")[0].best
    limit_ms = 2 * max(true_ms(stack(width, depth)) for width in (8, 12) for depth in (1, 2))
    slow = {favourite["digest"]}
    stand_in.ms_of = lambda graph: limit_ms + 1 if graph.digest in slow else true_ms(graph) / 9
    result, _ = search(images, max_latency_ms=limit_ms)
    told = f"measured by host-cpu, {limit_ms + 1:.1f} ms is over the limit of {limit_ms:g} ms"
    assert result.best["digest"] not in slow
    assert [f["over_limits"] for f in result.finalists if f["digest"] in slow] == [[told]]


def test_a_finalist_that_cannot_be_measured_is_a_note(
    images: str, board: Device, stand_in: StandIn
) -> None:
    favourite = search(images, measure=None, name="predicted")[0].best
    stand_in.fails_at = frozenset({favourite["digest"]})
    result, notes = search(images)
    number = result.best["trial"]
    assert f"finalist {number} was not measured: the board is gone (plug it in)" in notes
    assert result.best["digest"] == favourite["digest"]  # by predicted score: one has no other
    assert "measured_ms" not in result.best
    assert all("measured_ms" in finalist for finalist in result.finalists[1:])
    assert len(rows(board)) == 6 + len(result.finalists) - 1

    stand_in.fails_at, stand_in.files[:] = frozenset(), []
    resumed, notes = again()
    assert len(stand_in.files) == 1
    assert "1 finalist is measured by host-cpu" in notes
    assert all("measured_ms" in finalist for finalist in resumed.finalists)


def test_a_program_that_breaks_loses_no_result(
    images: str, board: Device, stand_in: StandIn
) -> None:
    def broken(graph: object) -> float:
        raise ValueError("no number\nat all")

    stand_in.ms_of = broken
    result, notes = search(images)
    assert f"finalist {result.best['trial']} was not measured: no number" in notes
    assert Path("runs/r/best/model.txt").read_text() == result.best["digest"]
    assert len(rows(board)) == 6


def test_a_measured_run_resumes_without_its_back_end(
    images: str, board: Device, stand_in: StandIn
) -> None:
    first, _ = search(images)
    stand_in.trouble, stand_in.files[:] = "this machine is busy", []
    result, notes = again()
    assert stand_in.files == []
    assert result.finalists == first.finalists
    told = f"the latency model of board is another one now: {4} trials keep the times they were "
    assert f"{told}ranked by" in notes
    assert result.table.equals(first.table)


def test_rows_that_no_longer_parse_are_a_note(
    images: str, board: Device, stand_in: StandIn
) -> None:
    def spoil(graph: Any) -> float:
        with board.measurements.open("a") as file:
            file.write("half a row")
        return true_ms(graph)

    stand_in.ms_of = spoil
    result, notes = search(images)
    assert all("measured_ms" in finalist for finalist in result.finalists)
    kept = [note for note in notes if "was not kept: " in note]
    assert len(kept) == len(result.finalists)
    assert "the line has no end" in kept[0]
    assert any(note.startswith("the latency model of board is as it was: ") for note in notes)


def test_other_conditions_are_kept_but_not_fitted(
    images: str, board: Device, stand_in: StandIn
) -> None:
    from dataclasses import replace

    stand_in.conditions = replace(CONDITIONS, runtime="Bench 2")
    result, notes = search(images)
    new = rows(board)[6:]
    assert {row["used_for_fit"] for row in new} == {"false"}
    assert {row["why_not"] for row in new} == {"no fitted row was measured under these conditions"}
    assert any("is not fitted: no fitted row was measured under" in note for note in notes)
    for finalist in result.finalists:
        assert finalist["latency_refitted_ms"] == pytest.approx(finalist["latency_ms"])


def test_a_second_time_of_a_network_does_not_contradict_the_first(
    images: str, board: Device, stand_in: StandIn
) -> None:
    search(images)
    count = len(rows(board))
    search(images, name="same")
    assert len(rows(board)) == count
    stand_in.ms_of = true_ms
    _, notes = search(images, name="other")
    new = rows(board)[count:]
    assert new
    assert all("under the same conditions" in row["why_not"] for row in new)
    assert not any("is as it was" in note for note in notes)  # so the rows can still be fitted


def test_a_file_of_another_input_size_is_made_anew(
    images: str, board: Device, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def anew(backend: StandIn, graph: Graph, *, height: int, width: int) -> Measurement:
        asked.append((height, width))
        return backend.measure(graph, Path("random.tflite"))

    monkeypatch.setattr(measure, "input_size", lambda file: (180, 320))
    monkeypatch.setattr(measure, "measure_anew", anew)
    result, _ = search(images)
    assert set(asked) == {(360, 640)}
    assert set(stand_in.files) == {"random.tflite"}
    assert result.best["measured_note"] == ("a file of this input size with random weights; warm")


def test_a_compiler_s_estimate_is_not_called_measured() -> None:
    device = load_device("ethos-u65")
    assert measure.Meter(device, StandIn(name="vela")).how == "estimated by vela"
    assert measure.Meter(device, StandIn(name="adb")).how == "measured by adb"


def test_the_back_end_of_another_device_is_refused(images: str, stand_in: StandIn) -> None:
    make_board("phone", backend="adb")
    make_board("tablet", backend="adb")
    for device, how in (
        ("synaptics-vs680", "by no back-end: its rows were typed in"),
        ("host-cpu", "by host-cpu"),
    ):
        with pytest.raises(UsageError) as caught:
            measure.open_meter(load_device(device), "adb")
        assert caught.value.message == f"{device} is not measured by adb but {how}"
        assert caught.value.hint == "devices of adb: phone, tablet; or leave out --measure"
    with pytest.raises(UsageError, match="synaptics-vs680 is not measured by vela"):
        search(images, device="synaptics-vs680", space="hxnet", measure="vela")
    assert not Path("runs").exists()


def test_trouble_is_told_before_the_search(images: str, board: Device, stand_in: StandIn) -> None:
    stand_in.trouble = "this machine is busy"
    with pytest.raises(DeviceError) as caught:
        search(images)
    assert str(caught.value) == (
        "this machine is busy (stop what runs, or add --force; `nas latency measure` has such "
        "options, `nas search` has not)"
    )
    assert not Path("runs").exists()


def test_a_resumed_run_may_be_measured_and_then_stays_so(
    images: str, board: Device, stand_in: StandIn
) -> None:
    search(images, measure=None)
    before = json.loads(Path("runs/r/config.json").read_text())
    result, _ = again(measure="host-cpu")
    assert all("measured_ms" in finalist for finalist in result.finalists)
    config = json.loads(Path("runs/r/config.json").read_text())
    assert config == {**before, "measure": "host-cpu"}
    again()  # keeps it
    with pytest.raises(RunError) as caught:
        again(measure="vela")
    assert caught.value.message == (
        "runs/r was started otherwise: measure is host-cpu, asked for vela"
    )


def test_the_summary_shows_measured_times_in_a_column_of_their_own(
    images: str, board: Device, stand_in: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    result, _ = search(images)
    _show(result)
    shown = " ".join(capsys.readouterr().out.split())
    best = result.best
    cells = (
        f"{best['trial']} {best['digest']} {best['measured_ms']:.2f} 2.0% {best['latency_ms']:.2f} "
        f"{best['latency_low_ms']:.1f}-{best['latency_high_ms']:.1f} "
        f"{best['latency_refitted_ms']:.2f} {best['score_measured']:.4g} -"
    )
    assert "Finalists, measured by host-cpu; now: predicted by the model that has" in shown
    assert "trial network ms noise predicted ms interval now score to zoo" in shown
    assert cells in shown
    assert "ms is predicted, with its 80 % interval; novelty:" in shown
    assert (
        f"{best['latency_ms']:.2f} ms predicted ({best['latency_low_ms']:.2f} to "
        f"{best['latency_high_ms']:.2f}), {best['measured_ms']:.2f} ms measured by host-cpu, "
        f"score {best['score_measured']:.4g} at that time"
    ) in shown
    assert json.loads(json.dumps(_as_json(result)["worth_measuring"])) == []


def test_the_summary_names_what_is_worth_measuring(
    images: str, board: Device, capsys: pytest.CaptureFixture[str]
) -> None:
    result, _ = search(images, measure=None)
    low, high = result.table["latency_low_ms"], result.table["latency_high_ms"]
    result.table["latency_low_ms"], result.table["latency_high_ms"] = low / 3, high * 3
    _show(result)
    lines = capsys.readouterr().out.splitlines()
    assert "Finalists, measured" not in " ".join(lines)
    place = lines.index("Worth measuring before you trust the order:")
    (first, *_) = found = result.worth_measuring
    assert lines[place + 1] == (
        f"  trial {first.trial} ({first.latency_low_ms:.1f} to {first.latency_high_ms:.1f} ms): "
        f"{first.why}"
    )
    assert lines[-1] == (
        f"  with: nas latency measure --device board --network runs/r#{first.trial}"
    )
    assert _as_json(result)["worth_measuring"][0]["trial"] == first.trial
    assert len(found) > 1
