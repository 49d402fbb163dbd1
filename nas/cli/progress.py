"""How a run shows its progress on stderr: a few live lines on a terminal, else lines for logs."""

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

import typer

from nas.cli.tables import duration

if TYPE_CHECKING:  # rich takes a while
    from rich.console import Console, Group

    from nas.search.events import Evaluated, Progress, Reading, Status

__all__ = ["Lines", "Live", "Nothing", "Shown", "watcher"]

_FIRST = "the first takes longest"
_EVERY_S = 60.0  # between lines on how the search stands


class Shown(Protocol):
    """A watcher of a run that is also a context."""

    def note(self, text: str) -> None: ...
    def reading(self, reading: "Reading") -> None: ...
    def progress(self, progress: "Progress") -> None: ...
    def status(self, status: "Status") -> None: ...
    def __enter__(self) -> "Shown": ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def watcher(*, quiet: bool = False) -> Shown:
    """What fits this stderr."""
    if quiet:
        return Nothing()
    return Live() if sys.stderr.isatty() else Lines()


class Nothing:
    """For who asked for silence."""

    def note(self, text: str) -> None: ...

    def reading(self, reading: "Reading") -> None: ...

    def progress(self, progress: "Progress") -> None: ...

    def status(self, status: "Status") -> None: ...

    def __enter__(self) -> "Nothing":
        return self

    def __exit__(self, *exception: object) -> None:
        return


class Lines:
    """For logs: a line for each network, and a few on the whole search once a minute.

    Each begins with how many networks are finished.
    """

    def __init__(self) -> None:
        self._said_s = -_EVERY_S

    def note(self, text: str) -> None:
        typer.echo(text, err=True)

    def reading(self, reading: "Reading") -> None: ...

    def progress(self, progress: "Progress") -> None:
        done = f"{progress.num_finished}/{progress.budget}"
        typer.echo(f"{done} {_network(progress.last)}, {progress.last.steps} steps", err=True)

    def status(self, status: "Status") -> None:
        if status.at_steps and time.monotonic() - self._said_s < _EVERY_S:
            return
        self._said_s = time.monotonic()
        for line in _lines(status):
            typer.echo(f"{status.num_finished}/{status.budget} {line}", err=True)

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, *exception: object) -> None:
        return


class Live:
    """For people: a bar, and below it how the search stands now."""

    def __init__(self, console: "Console | None" = None) -> None:
        from rich import live
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._bar = Progress(
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("networks{task.fields[pace]}", markup=False),
            expand=True,
        )
        self._task = self._bar.add_task("", total=None, pace=f", {_FIRST}")
        self._below: list[str] = []
        console = console or Console(stderr=True)
        self._live = live.Live(console=console, get_renderable=self._drawn)

    def note(self, text: str) -> None:
        self._live.console.print(text, markup=False, highlight=False)

    def reading(self, reading: "Reading") -> None: ...

    def progress(self, progress: "Progress") -> None:
        self._bar.update(self._task, completed=progress.num_finished, total=progress.budget)

    def status(self, status: "Status") -> None:
        pace, *self._below = _lines(status)
        self._bar.update(
            self._task, completed=status.num_finished, total=status.budget, pace=f", {pace}"
        )

    def _drawn(self) -> "Group":
        from rich.console import Group
        from rich.text import Text

        # A line that is too long would move the others at every change.
        lines = [Text(line, no_wrap=True, overflow="ellipsis") for line in self._below]
        return Group(self._bar, *lines)

    def __enter__(self) -> "Live":
        self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.stop()


def _lines(status: "Status") -> list[str]:
    """Pace, best network, workers while they train, and what was not trained, if anything."""
    waits = _FIRST if status.at_steps else "none trained now"
    pace = f"{status.per_hour:.0f} trained an hour" if status.per_hour else waits
    if status.eta_s is not None and status.at_steps:
        pace += f", {duration(status.eta_s)} to go"
    rest = [
        _kinds("refused", status.refused),
        _kinds("failed", status.failed),
        f"from the cache: {status.num_cached}" if status.num_cached else "",
    ]
    workers = _workers(status) if status.at_steps else ""
    return [pace, _best(status.best), *filter(None, [workers, *rest])]


def _best(best: "Evaluated | None") -> str:
    return f"best: {_network(best)}" if best else "best: none is fully trained yet"


def _network(network: "Evaluated") -> str:
    return (
        f"{network.name}, score {network.score:.4g}, {network.psnr_int8_db:.2f} dB INT8, "
        f"{network.latency_ms:.1f} ms"
    )


def _workers(status: "Status") -> str:
    """Such as: 3 workers: 1 at 0 steps, 1 at 300, 1 idle."""
    counted = f"{status.num_workers} worker{'s' * (status.num_workers != 1)}"
    at = [f"{count} at {steps}" for steps, count in sorted(status.at_steps.items())]
    at[0] += " steps"
    num_idle = status.num_workers - sum(status.at_steps.values())
    if num_idle > 0:
        at.append(f"{num_idle} idle")
    elif num_idle < 0:
        at.append(f"{-num_idle} of them waiting")
    return f"{counted}: {', '.join(at)}"


def _kinds(what: str, counts: "Mapping[str, int]") -> str:
    """Such as: refused: 4 duplicate, 3 slow; the commonest first."""
    listed = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return f"{what}: {', '.join(f'{count} {kind}' for kind, count in listed)}" if counts else ""
