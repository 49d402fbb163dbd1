"""One run, another device: ranked without training, and searched on from there."""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from nas.errors import DeviceError, RunError
from nas.graph import parse_text
from nas.latency.devices import load_device
from nas.search import reuse, study
from nas.search.audit import check_run
from nas.search.config import SearchConfig
from nas.search.events import Silent
from nas.search.history import read_runs
from nas.search.retarget import retarget, worth_training
from nas.search.run import RunResult, resume, start
from nas.search.score import challenge_score
from tests.search.boards import SMALL_SPACE

BENCH = "tests.search.fakes:Steady"
OTHER = "mali-g71-mp2"


def search(images: str, name: str, **changes: Any) -> RunResult:
    config = SearchConfig(**{"budget": 12, "data": images, **changes})
    return start(config, name=name, watch=Silent(), bench=BENCH)


def complete(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["state"] == "COMPLETE"]


def test_times_are_those_of_the_other_device_and_quality_stays(images: str) -> None:
    first = complete(search(images, "r").table).set_index("number")
    device = load_device(OTHER)
    found = retarget(Path("runs/r"), device)
    assert len(found.table) + found.num_refused == len(first)
    assert list(found.table["score"]) == sorted(found.table["score"], reverse=True)
    for row in found.table.to_dict("records"):
        before = first.loc[row["number"]]
        graph = parse_text(row["network"])
        assert row["latency_ms"] == device.model.predict(graph).latency_ms
        assert row["psnr_int8_db"] == before["psnr_int8_db"]
        assert row["was_ms"] == pytest.approx(before["latency_ms"])
        assert row["score"] == challenge_score(row["psnr_int8_db"], row["latency_ms"])
    assert set(found.worth_training) <= set(first[first["steps"] < 1200].index)


def test_what_would_have_gone_on_is_worth_training() -> None:
    """The line of `test_stopping.SURE`: 30.11 dB at the first rung may become 30.888, no 30.89."""
    ends = (29.85, 30.71), (29.95, 30.77), (30.05, 30.83), (30.15, 30.89)
    readings = {
        number: [(100, at, at), (300, at + 0.3, at + 0.3), (1000, end, end)]
        for number, (at, end) in enumerate(ends)
    }
    readings |= {number: [(100, at, at)] for number, at in ((4, 30.11), (5, 30.12), (6, 20.0))}
    ended = dict.fromkeys(range(4), 10.0)
    alike, faster = {4: 10.0, 5: 10.0, 6: 10.0}, {4: 9.9, 5: 10.0, 6: 9.8}
    assert worth_training(readings, ended | alike, None) == (5,)
    assert worth_training(readings, ended | faster, None) == (4, 5, 6)
    assert worth_training(readings, ended | alike, 35.0) == (5,), "nearer to what is demanded"


def test_a_device_without_a_model_is_told(images: str) -> None:
    search(images, "r", budget=2)
    with pytest.raises(DeviceError, match=r"galaxy-a21s has no model"):
        retarget(Path("runs/r"), load_device("galaxy-a21s"))


def test_a_run_without_a_table_is_told(images: str) -> None:
    search(images, "r", budget=2)
    Path("runs/r/trials.csv").unlink()
    with pytest.raises(RunError, match=r"runs/r has no trials\.csv yet \(wait for it, or nas sea"):
        retarget(Path("runs/r"), load_device(OTHER))


def test_a_search_goes_on_from_what_an_earlier_one_measured(images: str) -> None:
    first = search(images, "r")
    result = search(images, "s", device=OTHER, reuse="runs/r", budget=3)
    done = complete(result.table)
    reused = done[done["reused"] == "r"]
    known = retarget(Path("runs/r"), load_device(OTHER))
    assert len(reused) == len(known.table) - len(known.worth_training)
    assert len(done) == len(reused) + 3, "they cost no budget"
    assert done["digest"].nunique() == len(done), "and none of them is trained again"
    assert (reused["train_s"] == 0).all()
    before = complete(first.table).set_index("digest")["psnr_int8_db"]
    assert all(row.psnr_int8_db == before[row.digest] for row in reused.itertuples())
    assert not check_run(Path("runs/s"))
    (summary,) = (run for run in read_runs() if run["name"] == "s")
    assert (summary["num_finished"], summary["num_reused"]) == (3, len(reused))


def test_resuming_keeps_what_was_reused(images: str) -> None:
    search(images, "r", budget=4)
    first = search(images, "s", device=OTHER, reuse="runs/r", budget=2).table
    shutil.rmtree("runs/r")
    again = resume("s", {}, watch=Silent(), bench=BENCH).table
    pd.testing.assert_frame_equal(first, again)


class Interrupted(Silent):
    """Ctrl-C while the reused networks are written."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lines: list[str] = []
        calls = iter(range(2))

        def adopt_some(*args: Any) -> None:
            if next(calls, None) is None:
                raise KeyboardInterrupt
            study.adopt(*args)

        monkeypatch.setattr(reuse, "adopt", adopt_some)

    def note(self, line: str) -> None:
        self.lines.append(line)


def test_a_reuse_that_was_interrupted_is_ended_on_resuming(
    images: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    search(images, "r")
    wanted = complete(search(images, "s", device=OTHER, reuse="runs/r", budget=2).table)
    config = SearchConfig(budget=2, data=images, device=OTHER, reuse="runs/r")
    with monkeypatch.context() as patch:
        watch = Interrupted(patch)
        with pytest.raises(KeyboardInterrupt):
            start(config, name="t", watch=watch, bench=BENCH)
    assert watch.lines[-1] == "stopped; continue with: nas search --run runs/t --resume"
    found = complete(resume("t", {}, watch=Silent(), bench=BENCH).table)
    pd.testing.assert_series_equal(found["digest"], wanted["digest"])
    assert (found["reused"] == "r").sum() > 2


def test_a_space_without_another_network_ends_with_what_was_reused(images: str) -> None:
    Path("small.py").write_text(SMALL_SPACE)
    search(images, "r", space="small.py")
    result = search(images, "s", space="small.py", reuse="runs/r")
    assert len(complete(result.table)) == 4
    assert (complete(result.table)["reused"] == "r").all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"space": "gblock"}, r"the space of runs/r was hxnet, now it is gblock"),
        ({"scale": 2}, r"the scale of runs/r was 3, now it is 2"),
    ],
)
def test_what_was_measured_otherwise_is_not_reused(
    changes: dict[str, Any], message: str, images: str
) -> None:
    search(images, "r", budget=2)
    with pytest.raises(RunError, match=message):
        search(images, "s", reuse="runs/r", **changes)
    assert not Path("runs/s").exists()


def test_other_images_are_not_reused(images: str) -> None:
    search(images, "r", budget=2)
    (Path(images) / "0.png").unlink()
    with pytest.raises(RunError, match=r"the data_digest of runs/r was .*, now it is"):
        search(images, "s", reuse="runs/r")


def test_a_study_elsewhere_is_not_reused(images: str) -> None:
    search(images, "r", budget=2, storage="sqlite:///all.db")
    with pytest.raises(
        RunError, match=r"not in its folder but in sqlite:///all\.db \(only a study"
    ):
        search(images, "s", reuse="runs/r")
