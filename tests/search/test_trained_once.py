"""Whole runs: what one trained, no other one trains, nor itself after a kill."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from nas.search.audit import check_run
from nas.search.config import SearchConfig
from nas.search.events import Silent
from nas.search.run import resume, start

BENCH = "tests.search.fakes:Known"


@pytest.fixture(autouse=True)
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "notes").touch()
    monkeypatch.setenv("FAKE_NOTES", str(tmp_path / "notes"))
    return tmp_path / "notes"


def search(images: str, name: str, **changes: object) -> pd.DataFrame:
    given = {"budget": 4, "data": images, "cluster": "inline", **changes}
    config = SearchConfig(**given)  # type: ignore[arg-type]
    table = start(config, name=name, watch=Silent(), bench=BENCH).table
    return table[table["state"] == "COMPLETE"]


def lines(notes: Path) -> list[str]:
    return notes.read_text().splitlines()


def test_a_second_run_trains_nothing_twice(images: str, notes: Path) -> None:
    first = search(images, "a")
    trained = lines(notes)
    assert (first["cached_rungs"] == 0).all()
    again = search(images, "b")
    assert lines(notes) == trained
    assert list(again["psnr_int8_db"]) == list(first["psnr_int8_db"])
    assert list(again["cached_rungs"]) == [(100, 400, 1200).index(s) + 1 for s in again["steps"]]
    assert not again[["train_s", "quantize_s", "evaluate_s"]].any(axis=None)
    search(images, "c", device="mali-g71-mp2", sampler="random", budget=6)
    assert len(set(lines(notes))) == len(lines(notes)), "no rung of a network twice"


def test_a_rung_that_was_answered_but_not_stored_is_not_trained_again(
    images: str, notes: Path
) -> None:
    code = f"""
import os, signal
from nas.search.config import SearchConfig
from nas.search.events import Silent
from nas.search.loop import Loop
from nas.search.run import start
Loop._take = lambda *given: os.kill(os.getpid(), signal.SIGKILL)
config = SearchConfig(budget=3, data={images!r}, cluster="inline")
start(config, name="k", watch=Silent(), bench="{BENCH}")
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert len(lines(notes)) == 1
    table = resume("k", {}, watch=Silent(), bench=BENCH).table
    assert len(set(lines(notes))) == len(lines(notes)) > 1
    assert table["cached_rungs"].sum() == 1
    assert check_run(Path("runs/k")) == []
