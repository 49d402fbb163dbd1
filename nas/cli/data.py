"""`nas data`: published image sets, and fetching them."""

import sys
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from nas.cli.tables import print_json, print_table

if TYPE_CHECKING:
    from nas.data.catalog import ImageSet

__all__ = ["app"]

app = typer.Typer(help="Published image sets.", no_args_is_help=True)
AsJson = Annotated[bool, Option("--json", help="JSON on stdout.")]
To = Annotated[
    Path, Option("--to", envvar="NAS_DATA", help="The data folder, which all sets share.")
]

_DATA = Path("data")


@app.command("list")
def list_sets(to: To = _DATA, as_json: AsJson = False) -> None:
    """All sets that can be fetched, with licence and size."""
    from nas.data.catalog import all_sets
    from nas.data.fetch import is_complete

    if as_json:
        print_json([_as_json(known, to, is_complete(known, to)) for known in all_sets()])
        return
    rows = [
        (
            known.name,
            known.num_images,
            _size(known),
            str(to / known.folder) if is_complete(known, to) else "-",
            known.licence,
            known.about,
        )
        for known in all_sets()
    ]
    print_table(("set", "images", "download", "here", "licence", "about"), rows)


@app.command()
def fetch(
    names: Annotated[list[str], Argument(help="Names of sets, as `nas data list` shows them.")],
    to: To = _DATA,
) -> None:
    """Download sets into their official layout; an earlier download goes on where it ended.

    Prints the folder of each, as `--data` takes it.
    """
    from nas.data.catalog import find_set
    from nas.data.fetch import fetch_set

    chosen = [find_set(name) for name in dict.fromkeys(names)]
    for known in chosen:
        with _Shown() as shown:
            folder = fetch_set(known, to, shown)
        typer.echo(folder)


def _size(known: "ImageSet") -> str:
    if not known.sources:
        return "on request"
    size_bytes = known.sources[0].size_bytes
    return "unknown" if size_bytes is None else f"{size_bytes / 1e6:,.1f} MB"


def _as_json(known: "ImageSet", to: Path, is_here: bool) -> dict[str, Any]:
    from dataclasses import asdict

    sources = [asdict(source) | {"size_bytes": source.size_bytes} for source in known.sources]
    place = {"folder": str(to / known.folder), "complete": is_here}
    return asdict(known) | {"sources": sources} | place


class _Shown:
    """The progress of one set on stderr: bars on a terminal, else a line per tenth."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

        self._tasks: dict[tuple[str, str], TaskID] = {}
        self._tenths: dict[tuple[str, str], int] = {}
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[amount]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
        )

    def note(self, text: str) -> None:
        if self._bars.disable:
            typer.echo(text, err=True)
        else:
            self._bars.console.print(text, markup=False, highlight=False)

    def progress(self, name: str, unit: str, done: int, total: int | None) -> None:
        key = (name, unit)
        amount = _amount(unit, done, total)
        if self._bars.disable:
            tenth = 10 * done // total if total else 0
            if self._tenths.get(key) != tenth:
                self._tenths[key] = tenth
                self.note(f"  {name} {amount}")
            return
        if key not in self._tasks:
            self._tasks[key] = self._bars.add_task(name, amount=amount)
        self._bars.update(self._tasks[key], completed=done, total=total, amount=amount)

    def __enter__(self) -> "_Shown":
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()


def _amount(unit: str, done: int, total: int | None) -> str:
    if unit == "images":
        return f"{done} of {total} images"
    of = f" of {total / 1e6:,.1f}" if total is not None else ""
    return f"{done / 1e6:,.1f}{of} MB"
