"""Trainings side by side, and what is seen of them on stderr: bars on a terminal, else lines."""

import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from nas.cli.tables import duration

if TYPE_CHECKING:
    from nas.train.session import Progress, Session

__all__ = ["asked_to_stop", "train_together"]

_END: Any = object()
_REDRAW_S = 0.2


def train_together(
    sessions: "Mapping[str, Session]",
    stopped: Callable[[], bool],
    on_reading: "Callable[[str, Progress], None]" = lambda name, reading: None,
) -> None:
    """Trains step by step in turn, so that a GPU always has another network to work on.

    Args:
        sessions: By the name that is shown.
        stopped: Asked after each step; if so, all are saved and left.
        on_reading: Told of each reading, by name.
    """
    shown = _Bars(sessions) if sys.stderr.isatty() else _Lines(sessions)
    running = {name: session.train(stopped) for name, session in sessions.items()}
    try:
        while running:
            for name, steps in list(running.items()):
                reading = next(steps, _END)
                if reading is _END:
                    del running[name]
                else:
                    shown.show(name, reading)
                    if reading is not None:
                        on_reading(name, reading)
    finally:
        shown.close()


@contextmanager
def asked_to_stop() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C or SIGTERM came; the exit code is theirs. The second one ends at once."""
    came: list[int] = []

    def note(number: int, *_: object) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        raise typer.Exit(128 + came[0])


class _Lines:
    """A line for each reading."""

    def __init__(self, sessions: "Mapping[str, Session]") -> None:
        self._trainers = {name: session.trainer for name, session in sessions.items()}
        self._began_s = time.monotonic()
        self._first = self._done

    def show(self, name: str, reading: "Progress | None") -> None:
        if reading is None:
            return
        steps = self._trainers[name].steps
        typer.echo(
            f"{name}: step {reading.step}/{steps}, stage {reading.stage}, "
            f"loss {reading.loss:.5f}, rate {reading.learning_rate:.2g}, "
            f"{reading.psnr_db:.3f} dB; {duration(self._left_s)} to go",
            err=True,
        )

    def close(self) -> None: ...

    @property
    def _done(self) -> int:
        return sum(trainer.step for trainer in self._trainers.values())

    @property
    def _left_s(self) -> float:
        """Of all trainings, whose steps are taken to be alike."""
        left = sum(trainer.steps - trainer.step for trainer in self._trainers.values())
        return (time.monotonic() - self._began_s) / max(1, self._done - self._first) * left


class _Bars:
    """A bar for each network."""

    def __init__(self, sessions: "Mapping[str, Session]") -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        text = TextColumn("{task.description}", markup=False)
        columns = (text, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bars = Progress(*columns, console=Console(stderr=True))
        self._trainers = {name: session.trainer for name, session in sessions.items()}
        self._tasks = {
            name: self._bars.add_task(name, total=trainer.steps, completed=trainer.step)
            for name, trainer in self._trainers.items()
        }
        self._drawn_s = 0.0
        self._bars.start()

    def show(self, name: str, reading: "Progress | None") -> None:
        if reading is not None:
            words = f"{name}: stage {reading.stage}, {reading.psnr_db:.2f} dB"
            self._bars.update(self._tasks[name], description=words)
        elif time.monotonic() - self._drawn_s < _REDRAW_S:
            return
        self._drawn_s = time.monotonic()
        for each, trainer in self._trainers.items():
            self._bars.update(self._tasks[each], completed=trainer.step)

    def close(self) -> None:
        self._bars.stop()
