"""Whole runs on real Optuna, real SQLite and real processes; only training is a fake."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import optuna
import pandas as pd
import pytest

from nas.errors import RunError, SpaceError
from nas.latency.devices import read_device
from nas.search.audit import check_run
from nas.search.candidates import Judge
from nas.search.config import SearchConfig, read_config
from nas.search.crops import LR_STRIP, TRUTH_STRIP, details_file, read_strip
from nas.search.events import Silent
from nas.search.front import trials_table
from nas.search.loop import Loop
from nas.search.run import RunResult, resume, start
from nas.search.storage import open_storage
from nas.search.study import open_study
from nas.space import load_space
from tests.search.boards import SMALL_SPACE, make_board

FAKES = f"{__name__.rpartition('.')[0]}.fakes"


class Listener(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def search(images: str, *, fake: str = "Steady", name: str = "r", **changes: object) -> RunResult:
    config = SearchConfig(**{"budget": 6, "data": images, **changes})  # type: ignore[arg-type]
    return start(config, name=name, watch=Silent(), bench=f"{FAKES}:{fake}")


def complete(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["state"] == "COMPLETE"]


def stable(table: pd.DataFrame) -> str:
    return str(table.to_csv(index=False))


def test_a_run_leaves_what_it_promises(images: str) -> None:
    result = search(images, budget=8, workers=2)
    done = complete(result.table)
    assert len(done) == done["digest"].nunique() == 8
    assert sorted(p.name for p in Path("runs/r").iterdir() if not p.name.startswith(".")) == [
        "best", "config.json", "crops", "env.json",
        "finalists", "finalists.json", "log.jsonl", "study.db", "trials", "trials.csv",
    ]  # fmt: skip
    kept = {file.name for file in Path("runs/r/crops").iterdir()}
    assert kept == {LR_STRIP, TRUTH_STRIP, *(f"{number}.png" for number in done["number"])}
    for row in done.itertuples():
        rungs = {100: 1, 400: 2, 1200: 3}[row.steps]
        assert (read_strip(details_file(Path("runs/r"), row.number)) == rungs).all()
    best = json.loads(Path("runs/r/best/result.json").read_text())
    assert best == result.best
    assert Path("runs/r/best/model.txt").read_text() == best["digest"]
    assert best["score"] == max(finalist["score"] for finalist in result.finalists)
    assert any(finalist["zoo"] for finalist in result.finalists)
    assert "XCAT" in set(done["zoo"])
    assert stable(pd.read_csv("runs/r/trials.csv", keep_default_na=False)).count("\n") > 8


@pytest.mark.parametrize("sampler", ["auto", "nsga2"])
def test_same_seed_repeats_the_run(images: str, sampler: str) -> None:
    one = search(images, name="a", budget=12, sampler=sampler, seed=3)
    two = search(images, name="b", budget=12, sampler=sampler, seed=3)
    assert stable(one.table) == stable(two.table)


def test_another_seed_is_another_run(images: str) -> None:
    one = search(images, name="a", budget=3)
    two = search(images, name="b", budget=3, seed=1)
    assert list(one.table["network"]) != list(two.table["network"])


def test_too_slow_networks_are_refused_with_a_reason(images: str) -> None:
    result = search(images, budget=3, max_latency_ms=15.0, sampler="random")
    refused = result.table[result.table["reason"].str.contains("over the limit of 15 ms")]
    assert len(refused) > 0
    assert set(refused["state"]) == {"PRUNED"}
    assert complete(result.table)["latency_ms"].max() <= 15.0
    assert len(complete(result.table)) == 3


def test_a_limit_that_nothing_meets_names_the_fastest_and_leaves_nothing(images: str) -> None:
    with pytest.raises(RunError) as caught:
        search(images, max_latency_ms=0.01)
    assert re.fullmatch(
        r"space 'hxnet' has no network to evaluate: the fastest network seen takes \d+\.\d\d ms, "
        r"over the limit of 0\.01 ms \(raise --max-latency-ms, or choose another space\)",
        str(caught.value),
    )
    assert not Path("runs").exists()


def test_a_space_that_builds_nothing_says_so_and_leaves_no_study(images: str) -> None:
    Path("odd.py").write_text(SMALL_SPACE.replace("width = min", "return scale // 0, min"))
    with pytest.raises(RunError) as caught:
        search(images, space="odd.py", storage="sqlite:///all.db")
    assert re.fullmatch(
        r"space 'odd\.py' has no network to evaluate: 6 of 6 picks, such as: space 'small' cannot "
        r"build Pick\(width=\d+, depth=\d\): ZeroDivisionError: .* by zero "
        r"\(mend build\(\) of the space\)",
        str(caught.value),
    )
    assert not Path("runs").exists()
    assert optuna.get_all_study_names("sqlite:///all.db") == []


def test_an_edited_builder_is_not_resumed(images: str) -> None:
    Path("small.py").write_text(SMALL_SPACE)
    search(images, space="small.py", budget=2)
    Path("small.py").write_text(SMALL_SPACE.replace("12)     #", "10)     #"))
    with pytest.raises(
        RunError, match=r"^the space_digest of runs/r was .*, now it is .* \(restore"
    ):
        resume("r", {"space": "small.py"}, watch=Silent())


def test_a_seed_may_be_beyond_what_numpy_takes_times_a_million(images: str) -> None:
    assert len(complete(search(images, budget=2, seed=5000).table)) == 2


def test_duplicates_do_not_count_and_an_exhausted_space_ends_well(images: str) -> None:
    Path("small.py").write_text(SMALL_SPACE)
    listener = Listener()
    config = SearchConfig(budget=50, space="small.py", data=images)
    result = start(config, name="r", watch=listener, bench=f"{FAKES}:Steady")
    assert len(complete(result.table)) == 4
    duplicates = result.table[result.table["reason"].str.startswith("duplicate of ")]
    assert len(duplicates) > 0
    assert set(duplicates["state"]) == {"PRUNED"}
    assert any("no network is left: space 'small.py' has 4" in note for note in listener.notes)


def test_a_worker_that_is_killed_loses_nothing(
    images: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_FLAG", str(tmp_path / "flag"))
    result = search(images, fake="DiesOnce", workers=2)
    assert len(complete(result.table)) == 6
    assert (result.table["state"] != "FAIL").all()


@pytest.mark.parametrize(
    ("fake", "reason"),
    [
        ("DiesOfXcat", "the worker died 3 times (BrokenProcessPool)"),
        ("FailsAtXcat", "FloatingPointError: loss is nan"),
    ],
)
def test_a_network_that_cannot_be_evaluated_is_replaced(
    images: str, fake: str, reason: str
) -> None:
    table = search(images, fake=fake, workers=2).table
    failed = table[table["state"] == "FAIL"]
    assert list(failed["zoo"]) == ["XCAT"]
    assert list(failed["reason"]) == [reason]
    assert len(complete(table)) == 6


@pytest.mark.parametrize(
    ("fake", "message"),
    [
        ("AlwaysFails", r"5 networks in a row failed: ValueError: no luck \(mend the cause, "),
        ("Diverges", r"5 networks in a row failed: .*loss \d is nan \(the losses of these netw"),
        ("NeedsMemory", r"5 networks in a row failed: .*allocate memory.* \(give fewer --workers"),
        ("DiskFull", r"cannot be written: OSError: \[Errno 28\] No space left"),
        ("CannotStart", r"a worker cannot start: NasError: no torch here"),
    ],
)
def test_what_no_retry_mends_ends_the_run(images: str, fake: str, message: str) -> None:
    with pytest.raises(RunError, match=message) as caught:
        search(images, fake=fake)
    assert "--resume" not in caught.value.hint  # nothing was evaluated: nothing is left
    assert not Path("runs").exists()


def test_run_that_was_copied_elsewhere_goes_on_there(images: str) -> None:
    config = SearchConfig(budget=60, data=images, max_hours=1 / 3600)
    first = start(config, name="r", watch=Silent(), bench=f"{FAKES}:Slow")
    shutil.copytree("runs/r", "runs/copy")
    again = resume("copy", {"max_hours": 1.0}, watch=Silent(), bench=f"{FAKES}:Steady")
    assert set(complete(first.table)["digest"]) <= set(complete(again.table)["digest"])
    assert len(complete(again.table)) == 60
    assert check_run(Path("runs/copy")) == []


def test_network_that_trains_too_long_is_told_so(images: str) -> None:
    with pytest.raises(RunError, match=r"TimeoutError: slept 0\.2 s .*--candidate-timeout-s"):
        search(images, fake="Slow", candidate_timeout_s=0.1)


def test_after_its_hours_a_run_ends_with_what_it_has_and_goes_on(images: str) -> None:
    listener = Listener()
    config = SearchConfig(budget=60, data=images, max_hours=3 / 3600)
    result = start(config, name="r", watch=listener, bench=f"{FAKES}:Slow")
    found = len(complete(result.table))
    assert 0 < found < 60
    assert any(f"{found} of 60 networks are finished, --resume goes" in n for n in listener.notes)
    again = resume("r", {"max_hours": 1.0}, watch=Silent(), bench=f"{FAKES}:Steady")
    assert len(complete(again.table)) == 60


def test_log_tells_what_happened_in_lines_of_json(images: str) -> None:
    search(images, budget=3)
    events = [json.loads(line) for line in Path("runs/r/log.jsonl").read_text().splitlines()]
    assert [e["event"] for e in events if e.get("trial") == 0] == [
        "begun", "rung", "rung", "finished",
    ]  # fmt: skip
    assert events[0]["time"].endswith("+00:00")


def test_a_finished_run_resumes_to_its_result(images: str) -> None:
    first = search(images, budget=2)
    listener = Listener()
    again = resume("r", {"budget": 2}, watch=listener, bench=f"{FAKES}:AlwaysFails")
    assert listener.notes[1:] == [
        "run folder runs/r",
        "candidates train in 1 process of this machine",
        "all finalists are there already",
    ]
    assert stable(again.table) == stable(first.table)
    assert again.finalists == first.finalists


def test_a_refitted_device_does_not_change_what_was_ranked(images: str) -> None:
    Path("small.py").write_text(SMALL_SPACE)
    board = make_board()
    asked = {"space": "small.py", "device": "board", "max_latency_ms": 4.0}
    first = search(images, budget=3, **asked)
    model = board.model
    slower = {name: 3 * value for name, value in model.coefficients.items()}
    (board.folder / "model.json").write_text(replace(model, coefficients=slower).to_json())
    listener = Listener()
    again = resume("r", {"space": "small.py"}, watch=listener, bench=f"{FAKES}:AlwaysFails")
    assert stable(again.table) == stable(first.table)  # though all are over the limit now
    assert (
        "the latency model of board is another one now: 3 trials keep the times they were ranked by"
    ) in listener.notes
    config, _ = read_config(Path("runs/r"))
    slow = Judge(load_space("small.py"), read_device(board.folder).model, scale=3)
    ledger = Loop(read_study("r"), slow, config, Path("runs/r"), Silent(), driver="")._ledger
    ranked = complete(first.table)
    assert [curve.latency_ms for curve in ledger.others(-1)] == list(ranked["latency_ms"])


def test_killed_at_any_moment_a_run_resumes_to_its_budget(images: str) -> None:
    finished: set[str] = set()
    for moment_s in (0.2, 0.4, 0.6):
        _kill_after_start(images, moment_s)
        table = trials_table(read_study("k"))
        assert finished <= set(complete(table)["digest"])
        finished = set(complete(table)["digest"])
    result = resume("k", {}, watch=Silent(), bench=f"{FAKES}:Slow")
    done = complete(result.table)
    assert len(done) == done["digest"].nunique() == 20
    assert set(result.table["state"]) <= {"COMPLETE", "PRUNED"}
    assert finished <= set(done["digest"])


def read_study(name: str) -> optuna.Study:
    url = f"sqlite:///{Path('runs', name, 'study.db').resolve()}"
    return open_study(open_storage(url), name, resume=True)


def _kill_after_start(images: str, moment_s: float) -> None:
    """Starts or resumes run `k` in a process, and kills it once it has evaluated for a while."""
    code = f"""
from nas.search.config import SearchConfig
from nas.search.events import Silent
from nas.search.run import resume, start
from pathlib import Path
class Watch(Silent):
    def progress(self, progress): Path("moving").touch()
if Path("runs/k").exists():
    resume("k", dict(workers=2), watch=Watch(), bench="{FAKES}:Slow")
else:
    config = SearchConfig(budget=20, data={images!r}, workers=2)
    start(config, name="k", watch=Watch(), bench="{FAKES}:Slow")
"""
    Path("moving").unlink(missing_ok=True)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment)
    while not Path("moving").exists():
        assert process.poll() is None
        time.sleep(0.01)
    workers = _children(process.pid)
    time.sleep(moment_s)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    deadline_s = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < deadline_s, "workers outlive the main process"
        time.sleep(0.05)


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_another_configuration_is_not_resumed(images: str) -> None:
    search(images, budget=2)
    given = {"seed": 1, "budget": 7, "workers": 2}
    with pytest.raises(RunError) as caught:
        resume("r", given, watch=Silent())
    assert caught.value.message == (
        "runs/r was started otherwise: budget is 2, asked for 7; seed is 0, asked for 1"
    )
    assert caught.value.hint == "resume with the same options, or start another --run"


def test_other_images_are_not_resumed(images: str) -> None:
    search(images, budget=2)
    (Path(images) / "0.png").unlink()
    with pytest.raises(RunError, match=r"the data_digest of runs/r was .*, now it is"):
        resume("r", {}, watch=Silent())


def test_an_existing_run_is_not_started_again(images: str) -> None:
    search(images, budget=2)
    with pytest.raises(RunError, match=r"runs/r exists \(add --resume to continue it"):
        search(images)


def test_two_processes_do_not_share_a_run(images: str) -> None:
    from nas.search.folder import locked

    search(images, budget=2)
    with locked(Path("runs/r")), pytest.raises(RunError, match="another process is running runs/r"):
        resume("r", {}, watch=Silent())


def test_bad_input_leaves_nothing(images: str) -> None:
    with pytest.raises(SpaceError, match="has no scale 7"):
        search(images, scale=7)
    with pytest.raises(RunError, match=r"does not answer: .*refused"):
        search(images, storage="postgresql://127.0.0.1:1/x")
    assert not Path("runs").exists()


def test_auto_says_in_the_trial_why_it_proposed_it(images: str) -> None:
    search(images, budget=16)
    study = optuna.load_study(study_name="r", storage="sqlite:///runs/r/study.db")
    told = [trial.user_attrs.get("why", "") for trial in study.trials]
    assert told[0] == "", "published networks come first, with no guess"
    assert any(why.startswith("guessed ") and "expected gain" in why for why in told)
