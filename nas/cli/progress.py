"""How a run shows its progress on stderr: a bar on a terminal, else a line per network."""

import sys
from types import TracebackType
from typing import Any, Protocol

import typer

from nas.cli.tables import duration

__all__ = ["Bar", "Lines", "Nothing", "Shown", "watcher"]


class Shown(Protocol):
    """A watcher of a run that is also a context."""

    def note(self, text: str) -> None: ...
    def progress(self, progress: Any) -> None: ...
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
    return Bar() if sys.stderr.isatty() else Lines()


class Nothing:
    """For who asked for silence."""

    def note(self, text: str) -> None: ...

    def progress(self, progress: Any) -> None: ...

    def __enter__(self) -> "Nothing":
        return self

    def __exit__(self, *exception: object) -> None:
        return


class Lines:
    """For logs."""

    def note(self, text: str) -> None:
        typer.echo(text, err=True)

    def progress(self, progress: Any) -> None:
        p = progress
        typer.echo(
            f"{p.num_finished}/{p.budget} {p.name}: {p.psnr_int8_db:.3f} dB INT8 after {p.steps} "
            f"steps, {p.latency_ms:.2f} ms, score {p.score:.4g}, best {p.best_score:.4g} "
            f"({p.best_name}), {duration(p.eta_s)} to go",
            err=True,
        )

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, *exception: object) -> None:
        return


class Bar:
    """For people."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._bar = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.description}"),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task("the first network takes longest", total=None)

    def note(self, text: str) -> None:
        self._bar.console.print(text, markup=False, highlight=False)

    def progress(self, progress: Any) -> None:
        p = progress
        self._bar.update(
            self._task,
            completed=p.num_finished,
            total=p.budget,
            description=f"best {p.best_score:.4g} ({p.best_name}), last {p.score:.4g}, "
            f"{duration(p.eta_s)} to go",
        )

    def __enter__(self) -> "Bar":
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()
