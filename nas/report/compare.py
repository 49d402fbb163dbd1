"""One page about several runs: fronts in one figure, winners side by side, what was set otherwise.

Fronts are compared by the share of each that the other beats, which needs no reference point and
no common unit of dB and milliseconds, as a hypervolume would.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from nas.errors import UsageError
from nas.report.comparable import differences, obstacles
from nas.report.contest import Contest, contest_of, psnr_of
from nas.report.figures import log_ticks
from nas.report.files import RunFiles, read_run
from nas.report.page import drawing
from nas.report.parts import hide_passwords, interval, items, name_of, number, section, soft, table
from nas.report.plots import plot
from nas.report.shell import page, write_page
from nas.report.style import PAPER, SERIES, style
from nas.search.front import front
from nas.search.worth import PER_CENT

__all__ = ["beaten_share", "fronts_figure", "write_comparison"]

_SYMBOLS = ("circle", "square", "diamond", "cross", "triangle-up", "x")
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_HOVER = "%{customdata}<br>%{y:.2f} dB, %{x:.2f} ms<extra>%{fullData.name}</extra>"
_FILE = Path("report-compare.html")


@dataclass(frozen=True)
class Entrant:
    """A run as the page compares it."""

    name: str
    files: RunFiles

    @cached_property
    def front(self) -> pd.DataFrame:
        """By the INT8 simulation of the search."""
        return front(self.files.trials)

    @cached_property
    def contest(self) -> Contest:
        """Its winner and the best published network."""
        return contest_of(self.files)


def write_comparison(runs: Sequence[Path], out: Path | None = None) -> Path:
    """Writes the page and returns its path.

    Args:
        runs: Run folders, finished or not, 2 to 6.
        out: Where to; default: `report-compare.html` in the current folder, for it belongs to
            none of the runs.

    Raises:
        UsageError: Too many runs, or one twice.
        RunError: As `read_run`, or a page that cannot be written.
    """
    if len({run.resolve() for run in runs}) < len(runs):
        raise UsageError("a run is named twice", "name different runs")
    if len(runs) > len(_SYMBOLS):
        raise UsageError(f"{len(runs)} runs are too many", f"compare at most {len(_SYMBOLS)}")
    names = _names(runs)
    entrants = [Entrant(name, read_run(run)) for name, run in zip(names, runs, strict=True)]
    found = obstacles([each.files for each in entrants])
    body = "".join(
        section(title, content)
        for title, content in (
            ("Winners side by side", _winners(entrants)),
            ("Fronts in one figure", _fronts(entrants, comparable=not found)),
            ("The networks", "".join(_drawn(each) for each in entrants)),
            ("What was set otherwise", _settings(entrants)),
        )
    )
    notice = ""
    if found:
        notice = (
            '<div class="notice" role="note"><p><b>These runs do not compare in all figures.</b>'
            f"</p>{items(found)}</div>"
        )
    path = out or _FILE
    write_page(path, page("Runs compared", ", ".join(names), body, notice=notice))
    return path


def beaten_share(ours: pd.DataFrame, theirs: pd.DataFrame) -> float:
    """Share of the networks of one front for which the other has one no slower and no worse.

    Equal networks beat each other; 0 where `ours` is empty.
    """
    points = list(zip(theirs["latency_ms"], theirs["psnr_int8_db"], strict=True))
    mine = list(zip(ours["latency_ms"], ours["psnr_int8_db"], strict=True))
    lost = [any(ms <= x and db >= y for ms, db in points) for x, y in mine]
    return sum(lost) / len(lost) if lost else 0.0


def fronts_figure(entrants: Sequence[Entrant]) -> go.Figure:
    """The front of each run by the INT8 simulation, and its winner as it was converted."""
    figure = go.Figure()
    rows: list[Any] = []
    for place, each in enumerate(entrants):
        members, winner = each.front, each.contest.winner
        rows += [*members.to_dict("records"), winner]
        colour, symbol = SERIES[place], _SYMBOLS[place]
        figure.add_scatter(
            x=members["latency_ms"],
            y=members["psnr_int8_db"],
            mode="lines+markers",
            name=f"front of {each.name}",
            line={"color": colour, "width": 2, "dash": _DASHES[place]},
            marker={"color": colour, "symbol": symbol, "size": 8},
            customdata=[name_of(row) for row in members.to_dict("records")],
            hovertemplate=_HOVER,
        )
        low, high = winner["latency_low_ms"], winner["latency_high_ms"]
        figure.add_scatter(
            x=[winner["latency_ms"]],
            y=[psnr_of(winner)],
            mode="markers",
            name=f"winner of {each.name}",
            marker={
                "color": colour, "symbol": symbol, "size": 16, "line": {"color": PAPER, "width": 2},
            },
            error_x={
                "array": [high - winner["latency_ms"]],
                "arrayminus": [winner["latency_ms"] - low],
                "color": colour, "thickness": 1.2,
            },
            customdata=[name_of(winner)],
            hovertemplate=_HOVER,
        )  # fmt: skip
    style(figure, "predicted milliseconds", "INT8 PSNR, dB")
    low_ms = min(row["latency_low_ms"] for row in rows) * 0.93
    high_ms = max(row["latency_high_ms"] for row in rows) * 1.07
    figure.update_xaxes(type="log", **log_ticks(low_ms, high_ms))
    narrow = {"height": 560, "margin": {"b": 100 + 40 * len(entrants)}}
    return figure.update_layout(height=520, margin={"b": 120}, meta={"narrow": narrow})


def _names(runs: Sequence[Path]) -> list[str]:
    """Names of their folders, or paths where two folders have one name."""
    names = [run.resolve().name for run in runs]
    seen = Counter(names)
    return [name if seen[name] == 1 else str(run) for name, run in zip(names, runs, strict=True)]


def _winners(entrants: Sequence[Entrant]) -> str:
    columns = [dict(_figures(each)) for each in entrants]
    rows = [(key, *(column[key] for column in columns)) for key in columns[0]]
    about = (
        "Each winner with the best published network of its own run. Ratios are within a run, so "
        "they compare better than scores."
    )
    head = ("figure", *(each.name for each in entrants))
    return soft(about) + table("The winners and their runs", head, rows)


def _figures(each: Entrant) -> Iterator[tuple[str, str]]:
    winner, published, files = each.contest.winner, each.contest.published, each.files
    yield "winner", name_of(winner)
    yield "INT8 PSNR, dB", number(psnr_of(winner))
    yield "by", "LiteRT" if each.contest.converted else "simulation"
    yield f"predicted ms, {PER_CENT} interval", interval(winner)
    yield "measured ms", number(winner.get("measured_ms"))
    yield "score", f"{winner[each.contest.score]:.4g}"
    yield "best published", name_of(published) if published is not None else number(None)
    yield "score over it", number(each.contest.ratio, 2, "x")
    yield "parameters", number(winner.get("parameters"), 0)
    yield "training steps", number(winner["steps"], 0)
    yield "networks evaluated", number(files.trained["digest"].nunique(), 0)
    yield "networks of the front", number(len(each.front), 0)


def _fronts(entrants: Sequence[Entrant], *, comparable: bool) -> str:
    says = "Fronts of INT8 PSNR over predicted time: " + "; ".join(
        f"{each.name} from {each.front['latency_ms'].iloc[0]:.1f} ms and "
        f"{each.front['psnr_int8_db'].iloc[0]:.2f} dB to {each.front['latency_ms'].iloc[-1]:.1f} "
        f"ms and {each.front['psnr_int8_db'].iloc[-1]:.2f} dB"
        for each in entrants
    )
    about = (
        "Lines are fronts by the INT8 simulation of the search. Large marks are winners, trained "
        f"longer and converted where the run is finished, with the {PER_CENT} intervals of their "
        "predicted times."
    )
    return soft(about) + plot(fronts_figure(entrants), says) + _shares(entrants, comparable)


def _shares(entrants: Sequence[Entrant], comparable: bool) -> str:
    if not comparable:
        return soft(
            "How much of one front the other beats is left out, for the runs do not compare."
        )
    rows = [
        (
            ours.name,
            *(
                number(None)
                if ours is theirs
                else number(100 * beaten_share(ours.front, theirs.front), 0, " %")
                for theirs in entrants
            ),
        )
        for ours in entrants
    ]
    return table(
        "Share of the front of the row for which the column's has a network no slower and no worse",
        ("front of", *(f"beaten by {each.name}" for each in entrants)),
        rows,
    )


def _drawn(each: Entrant) -> str:
    head = f"<h3>Winner of {escape(each.name)}</h3>"
    return head + drawing(each.contest.winner, name=f"the winner of {each.name}")


def _settings(entrants: Sequence[Entrant]) -> str:
    rows = differences([each.files for each in entrants])
    if not rows:
        return soft("Nothing: the runs had one configuration and one environment.")
    shown = [tuple(hide_passwords(cell) for cell in row) for row in rows]
    return table("Where the runs differ", ("option", *(each.name for each in entrants)), shown)
