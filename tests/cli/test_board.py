"""A search in TensorBoard: its trials are runs, and so is the search."""

from pathlib import Path

import pytest

from nas.cli.board import Board
from nas.cli.progress import Lines
from nas.search.events import Evaluated, Progress, Reading, Status
from tests.event_files import curves

pytest.importorskip("tensorboard", reason="tensorboard is not installed")


def test_trials_and_search_are_runs_and_all_is_shown_on_stderr_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = Evaluated(4, "XCAT", 31.75, 30.25, 512.0, 300)
    with Board(Lines(), tmp_path / "tb") as board:
        board.note("run folder r")
        board.status(Status(0, 2, 1, {0: 1}))
        board.reading(Reading(4, 100, 30.5, 30.25))
        board.status(Status(0, 2, 1, {100: 1}))
        board.reading(Reading(4, 300, 32.0, 31.75))
        board.progress(Progress(1, 2, done))
        board.status(Status(1, 2, 1, {0: 1}, best=done, per_hour=64.0))
        board.status(Status(1, 2, 1, {100: 1}, best=done, per_hour=32.0))
        board.reading(Reading(5, 100, 29.5, 29.25))
    assert sorted(path.name for path in (tmp_path / "tb").iterdir()) == [
        "search", "trial-4", "trial-5",
    ]  # fmt: skip
    assert curves(tmp_path / "tb" / "trial-4") == {
        "psnr_db/float": [(100, 30.5), (300, 32.0)],
        "psnr_db/int8": [(100, 30.25), (300, 31.75)],
        "latency_ms": [(300, 30.25)],
        "score": [(300, 512.0)],
    }
    assert curves(tmp_path / "tb" / "search") == {
        "best_score": [(1, 512.0)],
        "trained_an_hour": [(1, 64.0)],
    }
    assert len(list((tmp_path / "tb" / "trial-4").iterdir())) == 1
    shown = capsys.readouterr().err.splitlines()
    assert shown[0] == "run folder r"
    assert shown[-1] == "1/2 XCAT, score 512, 31.75 dB INT8, 30.2 ms, 300 steps"
