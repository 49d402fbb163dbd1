"""What a person sees of a search: nothing is cut off at 80 columns, and lines are greppable."""

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from nas.cli.progress import Lines, Live, watcher
from nas.search.events import Evaluated, Progress, Status

XCAT = Evaluated(3, "XCAT-D", 32.8, 20.71, 956.12, 1000)
LONG = Evaluated(1233, "Vccip-DBRepNet-and-more", 32.81234, 120.71234, 956.12, 1000)
BEGUN = Status(0, 200, 2, {0: 2})
FULL = Status(
    num_finished=1234,
    budget=10000,
    num_workers=16,
    at_steps={300: 3, 0: 4, 100: 8},
    best=LONG,
    per_hour=12345.6,
    eta_s=36712,
    num_cached=12,
    refused={"slow": 35, "duplicate": 104, "illegal": 2, "uncovered": 1, "unbuildable": 1},
    failed={"timeout": 1, "diverged": 2, "memory": 2},
)


def seen(*statuses: Status, width: int) -> str:
    """All that was written to a terminal of so many columns."""
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=True, color_system=None)
    with Live(console) as live:
        live.note("run folder runs/r")
        for status in statuses:
            live.status(status)
    return re.sub(r"\x1b\[[?\d]*[a-zA-Z]", "", file.getvalue()).replace("\r", "\n")


@pytest.mark.parametrize("width", [80, 100])
def test_terminal_shows_how_the_search_stands_and_cuts_nothing_off(width: int) -> None:
    text = seen(BEGUN, FULL, width=width)
    assert "run folder runs/r" in text
    assert "1234/10000 networks, 12346 trained an hour, 10 h 11 min to go" in text
    for line in (
        "best: Vccip-DBRepNet-and-more, score 956.1, 32.81 dB INT8, 120.7 ms",
        "16 workers: 4 at 0 steps, 8 at 100, 3 at 300, 1 idle",
        "refused: 104 duplicate, 35 slow, 2 illegal, 1 unbuildable, 1 uncovered",
        "failed: 2 diverged, 2 memory, 1 timeout",
        "from the cache: 12",
    ):
        assert f"\n{line}" in text, "a line of its own, whole"
    assert "…" not in text
    assert max(len(line) for line in text.split("\n")) <= width


def test_terminal_shows_that_the_last_network_is_finished() -> None:
    file = io.StringIO()
    with Live(Console(file=file, width=80, force_terminal=True, color_system=None)) as live:
        live.status(replace(BEGUN, budget=3))
        live.progress(Progress(3, 3, XCAT))
    assert "3/3 networks" in file.getvalue()


def test_lines_begin_with_the_count_and_stay_within_100_columns(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = Lines()
    lines.status(BEGUN)
    lines.progress(Progress(1, 200, XCAT))
    lines.status(FULL)  # within the minute
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        "0/200 the first takes longest",
        "0/200 best: none is fully trained yet",
        "0/200 2 workers: 2 at 0 steps",
        "1/200 XCAT-D, score 956.1, 32.80 dB INT8, 20.7 ms, 1000 steps",
    ]
    late = Lines()
    late.status(FULL)
    late.progress(Progress(1234, 10000, LONG))
    printed = capsys.readouterr()
    assert len(printed.err.splitlines()) == 7
    assert all(line.startswith("1234/10000 ") for line in printed.err.splitlines())
    assert max(map(len, printed.err.splitlines())) <= 100


def test_one_worker_is_no_workers(capsys: pytest.CaptureFixture[str]) -> None:
    Lines().status(Status(1, 2, 1, {100: 1}))
    assert "1/2 1 worker: 1 at 100 steps\n" in capsys.readouterr().err


def test_networks_wait_for_workers_that_went(capsys: pytest.CaptureFixture[str]) -> None:
    Lines().status(Status(1, 9, 2, {0: 2, 100: 1}))
    assert "1/9 2 workers: 2 at 0 steps, 1 at 100, 1 of them waiting\n" in capsys.readouterr().err


def test_no_worker_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    Lines().status(Status(1, 2, 0, {0: 1}))
    assert "1/2 0 workers: 1 at 0 steps, 1 of them waiting\n" in capsys.readouterr().err


def test_at_the_end_nothing_is_to_go_and_nobody_trains(capsys: pytest.CaptureFixture[str]) -> None:
    over = Status(2, 2, 2, {}, best=XCAT, per_hour=50, eta_s=0, failed={"died": 1})
    lines = Lines()
    lines.status(Status(1, 2, 2, {0: 1}))
    capsys.readouterr()
    lines.status(over)
    assert capsys.readouterr().err.splitlines() == [
        "2/2 50 trained an hour",
        "2/2 best: XCAT-D, score 956.1, 32.80 dB INT8, 20.7 ms",
        "2/2 failed: 1 died",
    ]
    assert "2/2 networks, 50 trained an hour\nbest: XCAT-D" in re.sub(
        " *\n", "\n", seen(BEGUN, over, width=80)
    )


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with watcher(quiet=True) as nothing:
        nothing.note("a sentence")
        nothing.status(FULL)
        nothing.progress(Progress(1, 2, XCAT))
    assert capsys.readouterr() == ("", "")


def test_narrow_terminal_gets_a_line_that_ends_and_never_wraps() -> None:
    assert "\nbest: Vccip-DBRepNet-and-more, score 95…\n" in seen(BEGUN, FULL, width=40)
