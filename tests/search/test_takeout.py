"""Packages out of a run: whole or not at all."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from nas.errors import NasError, RunError, UsageError
from nas.search import takeout
from nas.search.config import SearchConfig
from nas.search.takeout import export_trial


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """As far as an export reads it: a best network, a finalist, two more trials."""
    folder = tmp_path / "runs" / "r"
    for name in ("best", "finalists/7"):
        (folder / name).mkdir(parents=True)
        (folder / name / "result.json").write_text(json.dumps({"trial": 7}))
        (folder / name / "graph.txt").write_text("0 input(3)")
    (folder / "config.json").write_text(json.dumps(SearchConfig().to_json()))
    (folder / "trials.csv").write_text(
        "number,state,network\n7,COMPLETE,0 input(3)\n8,COMPLETE,0 input(3)\n9,PRUNED,0 input(3)\n"
    )
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("trial", ["best", "7"])
def test_a_finalist_is_copied(run: Path, trial: str) -> None:
    (out := Path("package")).mkdir()  # an empty folder may be there
    assert export_trial(run, trial, out) == out
    assert names(out) == ["graph.txt", "result.json"]
    assert names(Path()) == ["package", "runs"]


@pytest.mark.parametrize("trial", ["../best", "last", "-1", "", "7/"])
def test_a_trial_is_best_or_a_number(run: Path, trial: str) -> None:
    with pytest.raises(UsageError) as caught:
        export_trial(run, trial, Path("package"))
    assert str(caught.value) == (f"trial {trial!r} is no number (--trial takes best, or a number)")


@pytest.mark.parametrize("trial", ["9", "10"])
def test_only_a_finished_trial_is_exported(run: Path, trial: str) -> None:
    with pytest.raises(RunError) as caught:
        export_trial(run, trial, Path("package"))
    assert str(caught.value) == (
        f"run {run} has no finished trial '{trial}' (give best, or a number out of trials.csv)"
    )


def test_what_is_there_is_not_touched(run: Path) -> None:
    Path("file.png").write_text("x")
    for out, message in (
        (Path("file.png"), "file.png is a file (give --out a new folder)"),
        (run, f"{run} exists and is not empty (give --out a new folder)"),
    ):
        with pytest.raises(RunError) as caught:
            export_trial(run, "best", out)
        assert str(caught.value) == message


UNWRITABLE = [  # --out, what the system says
    ("/proc/zz", "No such file or directory"),
    ("file.png/package", "Not a directory"),
]


@pytest.mark.parametrize(("out", "said"), UNWRITABLE)
def test_a_place_that_cannot_be_written_is_one_line(run: Path, out: str, said: str) -> None:
    Path("file.png").write_text("x")
    with pytest.raises(RunError) as caught:
        export_trial(run, "best", Path(out))
    assert str(caught.value) == (
        f"{out} cannot be written: {said} (free the disk, or give another --out)"
    )
    assert names(Path()) == ["file.png", "runs"]


def test_a_full_disk_leaves_nothing_of_a_copy(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def copy(source: str, target: str, **options: Any) -> None:
        Path(target).write_text("half")
        raise OSError(28, "No space left on device", target)

    real = shutil.copytree
    monkeypatch.setattr(
        "shutil.copytree", lambda *args, **options: real(*args, **options, copy_function=copy)
    )
    with pytest.raises(RunError) as caught:
        export_trial(run, "best", Path("new/package"))
    assert str(caught.value) == (
        "new/package cannot be written: No space left on device "
        "(free the disk, or give another --out)"
    )
    assert names(Path()) == ["runs"]


def test_an_error_of_the_training_leaves_nothing(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def finalise(run: Path, network: str, folder: Path) -> None:
        (folder / "model.keras").write_text("half")
        raise NasError("no luck")

    monkeypatch.setattr(takeout, "_finalise", finalise)
    with pytest.raises(NasError, match=r"^no luck$"):
        export_trial(run, "8", Path("new/package"))
    assert names(Path()) == ["runs"]
