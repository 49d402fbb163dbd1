"""Pieces of HTML that the report page is put together from."""

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

__all__ = [
    "cards",
    "facts",
    "html",
    "interval",
    "number",
    "section",
    "soft",
    "table",
    "time_split",
]

COLOURS = ("#235a9f", "#7fb2e5", "#e0a458", "#b8c0cc")
_PASSWORD = re.compile(r"(?<=://)[^/@\s]*@")  # of a storage URL


def number(value: Any, digits: int = 2, unit: str = "") -> str:
    """`value` with its unit, or a dash where it is missing."""
    if value is None or value != value:
        return "\N{EN DASH}"
    return f"{value:.{digits}f}{unit}"


def interval(row: Mapping[str, Any]) -> str:
    """Predicted milliseconds with their interval."""
    low, high = number(row["latency_low_ms"]), number(row["latency_high_ms"])
    return f"{number(row['latency_ms'])} ({low} to {high})"


def cards(values: Iterable[tuple[str, str]]) -> str:
    """Large numbers, each over what it means."""
    return "".join(
        f'<div class="card"><b>{escape(value)}</b><span>{escape(name)}</span></div>'
        for value, name in values
    )


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, best: int = -1, words: int = 0
) -> str:
    """A table of numbers.

    Args:
        head: Names of the columns.
        rows: Cells.
        best: The row that is highlighted.
        words: So many columns at the end hold sentences, which wrap.
    """
    wraps = [""] * (len(head) - words) + [" class=words"] * words

    def line(tag: str, cells: Sequence[str]) -> str:
        told = zip(wraps, cells, strict=True)
        return "".join(f"<{tag}{wrap}>{escape(cell)}</{tag}>" for wrap, cell in told)

    body = "".join(
        f"<tr{' class=best' if place == best else ''}>{line('td', row)}</tr>"
        for place, row in enumerate(rows)
    )
    return f'<div class="wide"><table><tr>{line("th", head)}</tr>{body}</table></div>'


def section(title: str, content: str) -> str:
    """A part of the page with its heading; nothing where there is no content."""
    return f"<section><h2>{escape(title)}</h2>{content}</section>" if content else ""


def soft(text: str) -> str:
    """A paragraph beside the point."""
    return f'<p class="soft">{escape(text)}</p>'


def html(figure: go.Figure, *, plotly_too: bool = False) -> str:
    """A figure as a `<div>`; one of the page brings plotly.js itself, so that it opens offline."""
    config = {
        "displaylogo": False,
        "responsive": True,
        "modeBarButtonsToRemove": ["sendChartToCloud"],  # a run stays on its machine
    }
    text: str = figure.to_html(full_html=False, include_plotlyjs=plotly_too, config=config)
    return text


def facts(content: Mapping[str, Any]) -> str:
    """Names and values, nested ones with dotted names; passwords in URLs are left out."""
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(_PASSWORD.sub('***@', value))}</td></tr>"
        for name, value in _flat("", content)
    )
    return f'<table class="facts">{rows}</table>'


def time_split(seconds: Mapping[str, float]) -> str:
    """A bar of parts of the whole, and what each part took."""
    total = sum(seconds.values()) or 1.0
    bar, key = "", ""
    for (name, spent_s), colour in zip(seconds.items(), COLOURS, strict=False):
        share = 100 * spent_s / total
        bar += f'<i style="width:{share:.2f}%;background:{colour}"></i>'
        told = f"{escape(name)} {spent_s / 60:.1f} min, {share:.0f} %"
        key += f'<span><i style="background:{colour}"></i>{told}</span>'
    return f'<div class="split">{bar}</div><p class="key">{key}</p>'


def _flat(prefix: str, content: Any) -> Iterable[tuple[str, str]]:
    if isinstance(content, Mapping) and content:
        for name, value in content.items():
            yield from _flat(f"{prefix}.{name}" if prefix else str(name), value)
    elif isinstance(content, list):
        yield prefix, ", ".join(map(str, content))
    else:
        yield prefix, "\N{EN DASH}" if content is None else str(content)
