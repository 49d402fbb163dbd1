"""Printing: tables to stdout, JSON where a script reads the answer, durations for people."""

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

import typer

__all__ = ["duration", "number", "print_json", "print_table", "printable"]

_WIDE = 200  # of a table that does not go to a terminal, so that nothing is cut off
_LEAST = 112


def number(value: float | None, form: str) -> str:
    """A dash where it is not known."""
    return "-" if value is None or value != value else format(value, form)


def print_json(value: object) -> None:
    """JSON to stdout; NaN, which JSON does not have, becomes null."""
    typer.echo(json.dumps(_plain(value), indent=2))


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = ""
) -> None:
    """A table to stdout; numbers should be formatted already and are set to the right."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    cells = [[printable(str(cell)) for cell in row] for row in rows]
    for place, column in enumerate(columns):
        is_number = bool(cells) and all(row[place][:1] in "-+.0123456789" for row in cells)
        is_word = not any(" " in row[place] for row in cells)
        table.add_column(
            column,
            justify="right" if is_number and is_word else "left",
            overflow="fold",
            no_wrap=is_word,
        )
    for row in cells:
        table.add_row(*row)
    console = Console(markup=False, highlight=False)
    # Wider than a narrow terminal on purpose: a line that wraps is better than a digit cut off.
    width = max(console.width, _LEAST) if console.is_terminal else _WIDE
    Console(markup=False, highlight=False, width=width).print(table)


def printable(text: str) -> str:
    r"""`text` without signs that a terminal obeys: it may come out of somebody's files.

    Example:
        >>> print(printable("red\x1b[31m, ünder"))
        red\x1b[31m, ünder
    """
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text
    )


def duration(seconds: float) -> str:
    """Such as 42 s, 3 min 10 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
