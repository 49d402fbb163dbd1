"""Progress of work that is a known number of steps: a bar on a terminal, else a line a step."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import typer

from nas.cli.tables import duration

__all__ = ["counted"]

Step = TypeVar("Step")


def counted(steps: Iterable[Step], total: int, text_of: Callable[[Step], str]) -> Iterator[Step]:
    """Hands on `steps`, and says on stderr what each was and how long the rest will take."""
    started = time.monotonic()
    bar = _bar(total) if sys.stderr.isatty() else None
    shown: AbstractContextManager[Any] = bar or nullcontext()
    with shown:
        for done, step in enumerate(steps, 1):
            left_s = (time.monotonic() - started) / done * (total - done)
            text = f"{text_of(step)}; {duration(left_s)} to go"
            if bar:
                bar.update(bar.task_ids[0], completed=done, description=text)
            else:
                typer.echo(f"{done}/{total} {text}", err=True)
            yield step


def _bar(total: int) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    text = TextColumn("{task.description}", markup=False)
    bar = Progress(BarColumn(), MofNCompleteColumn(), text, console=Console(stderr=True))
    bar.add_task("the first takes longest", total=total)
    return bar
