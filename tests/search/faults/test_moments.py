"""A search ends at the very moments that are hardest to hit by chance."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from optuna.exceptions import StorageInternalError
from optuna.study import Study

from nas.errors import RunError
from nas.search import loop, study
from nas.search.audit import check_run
from nas.search.config import SearchConfig
from nas.search.events import Silent
from nas.search.run import resume, start
from tests.search.faults.bench import NOTES

BENCH = "tests.search.faults.bench:Noting"


class Killed(BaseException):
    """No `except Exception` sees it, as none sees a kill."""


def kill_at(monkeypatch: pytest.MonkeyPatch, home: Any, name: str, *, first: bool) -> None:
    """Ends the search at the second call of a function: before it does anything, or after."""
    works: Callable[..., Any] = getattr(home, name)
    num_calls = 0

    def ends(*args: Any, **named: Any) -> Any:
        nonlocal num_calls
        num_calls += 1
        if num_calls == 2 and first:
            raise Killed
        done = works(*args, **named)
        if num_calls == 2:
            raise Killed
        return done

    monkeypatch.setattr(home, name, ends)


def begun(notes: Path) -> list[str]:
    """Network and rung, of each time that a rung was begun."""
    lines = [line.split() for line in notes.read_text().splitlines()]
    return [f"{digest} {rung}" for event, digest, rung, _ in lines if event == "begin"]


@pytest.mark.parametrize(
    ("home", "name", "first", "trained_again"),
    [
        (loop, "keep_state", False, 1),  # the study does not know of it yet
        (loop, "note_rung", False, 0),
        (loop, "keep_network", False, 1),  # of which the study knows the rungs before
        (study, "challenge_score", True, 1),
        (loop, "finish", False, 0),
        (loop, "drop_states", True, 0),
        (loop, "drop_states", False, 0),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_what_is_trained_again_after_an_end_at(
    home: Any,
    name: str,
    first: bool,
    trained_again: int,
    images: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(NOTES, str(tmp_path / "notes"))
    config = SearchConfig(budget=3, data=images, cluster="inline")
    with monkeypatch.context() as patched:
        kill_at(patched, home, name, first=first)
        with pytest.raises(Killed):
            start(config, name="r", watch=Silent(), bench=BENCH)
    resume("r", {}, watch=Silent(), bench=BENCH)
    assert check_run(Path("runs/r")) == []
    trained = begun(tmp_path / "notes")
    assert len(trained) - len(set(trained)) == trained_again


def test_network_whose_end_was_half_told_is_told_and_not_trained(
    images: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NOTES, str(tmp_path / "notes"))
    config = SearchConfig(budget=3, data=images, cluster="inline")
    with monkeypatch.context() as patched:
        told: Callable[..., None] = study.set_attributes

        def half(storage: Any, trial_id: int, attributes: dict[str, Any]) -> None:
            told(storage, trial_id, attributes)
            if "score" in attributes:
                raise Killed

        patched.setattr(study, "set_attributes", half)
        with pytest.raises(Killed):
            start(config, name="r", watch=Silent(), bench=BENCH)
    resume("r", {}, watch=Silent(), bench=BENCH)
    assert check_run(Path("runs/r")) == []
    trained = begun(tmp_path / "notes")
    assert len(trained) == len(set(trained))


def test_storage_that_is_gone_takes_no_run_folder_along(
    images: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NOTES, str(tmp_path / "notes"))
    config = SearchConfig(budget=3, data=images, cluster="inline")

    def gone(*_: Any, **__: Any) -> None:
        raise StorageInternalError("nobody answers")

    def break_storage(*_: Any) -> None:
        patched.setattr(Study, "get_trials", gone)
        gone()

    with monkeypatch.context() as patched:
        patched.setattr(loop, "drop_states", break_storage)  # when the first network is finished
        with pytest.raises(RunError, match=r"study of runs/r cannot be written: .* --resume\)$"):
            start(config, name="r", watch=Silent(), bench=BENCH)
    resume("r", {}, watch=Silent(), bench=BENCH)
    assert check_run(Path("runs/r")) == []
