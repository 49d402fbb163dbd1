"""SIGKILL of a worker and of the search itself, on processes of this machine."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from nas.search.config import SearchConfig
from nas.search.events import Silent
from nas.search.run import start
from tests.search.faults.bench import FLAG, NOTES
from tests.search.faults.conftest import Stage, Strike

OPTIONS = {"processes": [], "local": ["--cluster", "local:2"]}
each_executor = pytest.mark.parametrize("executor", OPTIONS)


@each_executor
def test_worker_is_killed(executor: str, stage: Stage, strike: Strike) -> None:
    scene = stage(OPTIONS[executor])
    session = scene.start()
    session.reach(strike.moment(first=4))  # there is a worker
    victim = strike.random.choice(scene.workers() or [0])
    if victim:
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
    session.succeeds()
    scene.went_on_well(lambda _, processes: set(processes) <= {victim})
    assert "FAIL" not in scene.stored().states, "one death is no candidate's fault"


@each_executor
def test_search_is_killed(executor: str, stage: Stage, strike: Strike) -> None:
    scene = stage(OPTIONS[executor])
    session = scene.start()
    session.reach(strike.moment())
    session.kill()
    scene.nobody_is_left()
    before = scene.stored()
    scene.resume().succeeds()
    scene.resumed_well(before)


def test_worker_is_killed_while_it_answers(
    images: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NOTES, str(tmp_path / "notes"))
    monkeypatch.setenv(FLAG, str(tmp_path / "flag"))
    config = SearchConfig(budget=2, data=images, workers=1)
    bench = "tests.search.faults.bench:DiesAnswering"
    table = start(config, name="r", watch=Silent(), bench=bench).table
    assert list(table["state"]) == ["COMPLETE", "COMPLETE"]
    assert Path(tmp_path / "flag").exists()
