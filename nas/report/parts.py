"""Pieces of HTML that the pages are put together from."""

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

__all__ = [
    "cards",
    "commands",
    "facts",
    "folded",
    "hide_passwords",
    "interval",
    "items",
    "name_of",
    "number",
    "section",
    "soft",
    "table",
    "time_split",
]

_PARTS = ("var(--series-1)", "var(--series-2)", "var(--series-3)", "var(--series-4)")
_CODE = re.compile("`([^`]+)`")
_PASSWORD = re.compile(r"(?<=://)[^/@\s]*@")  # of a storage URL


def number(value: Any, digits: int = 2, unit: str = "") -> str:
    """`value` with its unit, or a dash where it is missing."""
    if value is None or value != value:
        return "\N{EN DASH}"
    return f"{value:,.{digits}f}{unit}"


def interval(row: Mapping[str, Any]) -> str:
    """Predicted milliseconds with their interval."""
    low, high = number(row["latency_low_ms"]), number(row["latency_high_ms"])
    return f"{number(row['latency_ms'])} ({low} to {high})"


def name_of(row: Mapping[str, Any]) -> str:
    """Of a network: its trial, with its name in the literature or the start of its digest."""
    return f"#{row['number']:.0f} {row.get('zoo') or str(row['digest'])[:8]}"


def cards(values: Iterable[tuple[str, str]]) -> str:
    """Large numbers, each over what it means."""
    shown = "".join(
        f'<li class="card"><b>{escape(value)}</b> <span>{escape(name)}</span></li>'
        for value, name in values
    )
    return f'<ul class="cards">{shown}</ul>'


def table(
    caption: str,
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    best: int = -1,
    words: int = 0,
) -> str:
    """A table of numbers whose first column names the rows; it scrolls where it is too wide.

    Args:
        caption: What the numbers are.
        head: Names of the columns.
        rows: Cells.
        best: The row that is highlighted.
        words: So many columns at the end hold sentences, which wrap.
    """
    wraps = [""] * (len(head) - words) + [" class=words"] * words

    def line(cells: Sequence[str], *, is_best: bool) -> str:
        first = f"{escape(cells[0])}{' <small>best</small>' if is_best else ''}"
        rest = zip(wraps[1:], cells[1:], strict=True)
        told = "".join(f"<td{wrap}>{escape(cell)}</td>" for wrap, cell in rest)
        return f"<tr{' class=best' if is_best else ''}><th scope=row>{first}</th>{told}</tr>"

    names = zip(wraps, head, strict=True)
    top = "".join(f"<th scope=col{wrap}>{escape(name)}</th>" for wrap, name in names)
    body = "".join(line(row, is_best=place == best) for place, row in enumerate(rows))
    return (
        f'<div class="wide" tabindex=0 role=group aria-label="Table: {escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{top}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def section(title: str, content: str) -> str:
    """A part of the page with its heading, to link to; nothing where there is no content."""
    if not content:
        return ""
    anchor = re.sub("[^a-z0-9]+", "-", title.lower()).strip("-")
    return (
        f'<section id="{anchor}" aria-labelledby="{anchor}-title">'
        f'<h2 id="{anchor}-title">{escape(title)}</h2>{content}</section>'
    )


def folded(title: str, content: str) -> str:
    """What few readers want to see: opened by a click, or by a key."""
    return f"<details><summary>{escape(title)}</summary>{content}</details>"


def soft(text: str) -> str:
    """A paragraph beside the point; what stands in backticks is code."""
    return f'<p class="soft">{_told(text)}</p>'


def items(lines: Iterable[str]) -> str:
    """A list of sentences, with code as in `soft`; nothing where there is none."""
    told = "".join(f"<li>{_told(line)}</li>" for line in lines)
    return f"<ul>{told}</ul>" if told else ""


def commands(lines: Iterable[str]) -> str:
    """Commands to copy, a line each."""
    text = escape("\n".join(lines))
    return f'<pre class="commands" tabindex=0 role=group aria-label="Commands">{text}</pre>'


def facts(caption: str, content: Mapping[str, Any]) -> str:
    """Names and values, nested ones with dotted names; passwords in URLs are left out."""
    rows = "".join(
        f"<tr><th scope=row>{escape(name)}</th><td>{escape(hide_passwords(value))}</td></tr>"
        for name, value in _flat("", content)
    )
    return f'<table class="facts"><caption>{escape(caption)}</caption>{rows}</table>'


def hide_passwords(text: str) -> str:
    """`text` with what stands before the host of a URL struck out."""
    return _PASSWORD.sub("***@", text)


def time_split(seconds: Mapping[str, float]) -> str:
    """A bar of parts of the whole, and what each part took, in the same order."""
    total = sum(seconds.values()) or 1.0
    bar, key = "", ""
    for (name, spent_s), colour in zip(seconds.items(), _PARTS, strict=False):
        share = 100 * spent_s / total
        bar += f'<i style="width:{share:.2f}%;background:{colour}"></i>'
        told = f"{escape(name)} {spent_s / 60:.1f} min, {share:.0f} %"
        key += f'<li><i style="background:{colour}"></i>{told}</li>'
    return f'<div class="split" aria-hidden=true>{bar}</div><ul class="key">{key}</ul>'


def _told(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", escape(text))


def _flat(prefix: str, content: Any) -> Iterable[tuple[str, str]]:
    if isinstance(content, Mapping) and content:
        for name, value in content.items():
            yield from _flat(f"{prefix}.{name}" if prefix else str(name), value)
    elif isinstance(content, list):
        yield prefix, ", ".join(map(str, content))
    else:
        yield prefix, "\N{EN DASH}" if content is None else str(content)
