"""Figures of a run: the Pareto front, and the best score as the search went on."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from nas.report.parts import number
from nas.report.style import BEST, FAINT, FRONT, PAPER, RUNGS, ZOO, style
from nas.search.front import front

__all__ = ["log_ticks", "pareto_figure", "progress_figure"]

FRONT_INTERVAL = "var(--front-soft)"
PLACES = ("top right", "bottom right", "top left", "bottom left")  # so that names touch less
HOVER_LINES = 14  # of a network's text; more than that hides the figure
SHOWN_DB = 5.0  # below the best; worse networks are there when one zooms out
_DOTS = ("circle-open", "square", "circle")  # of rungs, the last trained longest
_STEPS, _FEW = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8), (1, 2, 5)  # of a decade; on a phone
_PER_DB = 2  # score = 2^(2 PSNR) / (C ms)
Row = Mapping[Any, Any]


def pareto_figure(trials: pd.DataFrame, finalists: Sequence[Row]) -> go.Figure:
    """INT8 PSNR against predicted milliseconds.

    Small marks are trials by the INT8 simulation, of another shape for each length of training;
    the line is their front. Large marks are finalists by LiteRT. Front and finalists have the
    interval of their predicted time.

    Args:
        trials: `RunFiles.trials`.
        finalists: `RunFiles.finalists`, best first; may be empty.
    """
    shown = trials[trials["psnr_int8_db"].notna() & trials["latency_ms"].notna()]
    members = front(trials)
    on_front: list[Row] = members.to_dict("records")
    bars = [*on_front, *finalists]
    low_ms = min([shown["latency_ms"].min(), *(row["latency_low_ms"] for row in bars)]) * 0.93
    high_ms = max([shown["latency_ms"].max(), *(row["latency_high_ms"] for row in bars)]) * 1.12
    figure = go.Figure()
    _add_equal_scores(figure, _best_of(shown, finalists), low_ms, high_ms)
    rungs = sorted(shown["steps"].dropna().unique())
    for place, steps in enumerate(rungs):
        rows = shown[(shown["steps"] == steps) & (shown["zoo"] == "")]
        look = max(0, place + len(RUNGS) - len(rungs))
        marker = {"size": 7, "symbol": _DOTS[look], "color": RUNGS[look]}
        _add_dots(figure, rows, f"trained {steps:.0f} steps", marker, told=members.index)
    published = shown[shown["zoo"] != ""]
    if len(published):
        marker = {"size": 10, "symbol": "diamond", "color": ZOO}
        _add_dots(figure, published, "published network", marker, told=published.index)
        figure.data[-1].update(
            mode="markers+text",
            text=[escape(zoo) if named else "" for zoo, named in _unbeaten_names(published)],
            textposition=[PLACES[k % 4] for k in published["latency_ms"].rank().astype(int)],
            textfont={"size": 11, "color": ZOO},
        )
    figure.add_scatter(
        x=members["latency_ms"],
        y=members["psnr_int8_db"],
        mode="lines",
        name="front of the search",
        line={"color": FRONT, "width": 2},
        error_x=_interval(on_front, FRONT_INTERVAL),
        hoverinfo="skip",
    )
    _add_finalists(figure, finalists)
    style(figure, "predicted milliseconds", "INT8 PSNR, dB")
    few = log_ticks(low_ms, high_ms, steps=_FEW)
    narrow = {"height": 620, "margin": {"b": 230}, "xaxis": {**few, "tickangle": 0}}
    figure.update_layout(height=600, margin={"b": 130}, meta={"narrow": narrow})
    figure.update_xaxes(type="log", **log_ticks(low_ms, high_ms))
    top = max([shown["psnr_int8_db"].max(), *(f["psnr_litert_int8_db"] for f in finalists)])
    # Early-stopped networks at the bottom must not flatten the front; zooming out shows them.
    low = max(shown["psnr_int8_db"].quantile(0.1), top - SHOWN_DB)
    figure.update_yaxes(range=[low - 0.2, top + 0.25])
    return figure


def progress_figure(rows: pd.DataFrame, *, x: str, title: str) -> go.Figure:
    """Score of each finished trial, the best so far, and the best published network.

    Args:
        rows: Trials with a score, `RunFiles.finished`, with the column `x`.
        x: What they are ordered by.
        title: Of its axis.
    """
    done = rows[rows[x].notna()].sort_values(x)
    full = done[done["steps"] == done["steps"].max()]
    figure = go.Figure()
    for chosen, name, marker in (
        (done.drop(full.index), "stopped early", {"symbol": _DOTS[0], "color": RUNGS[1]}),
        (full, "fully trained", {"symbol": _DOTS[-1], "color": RUNGS[2]}),
    ):
        figure.add_scatter(
            x=chosen[x],
            y=chosen["score"],
            mode="markers",
            name=name,
            marker=marker | {"size": 6},
            customdata=chosen["number"],
            hovertemplate="trial %{customdata}: score %{y:.4g}<extra></extra>",
        )
    figure.add_scatter(
        x=full[x],
        y=full["score"].cummax(),
        mode="lines",
        name="best so far",
        line={"color": FRONT, "width": 2, "shape": "hv"},
        hoverinfo="skip",
    )
    published = full[full["zoo"] != ""]
    if len(published):
        best = published.loc[published["score"].idxmax()]
        figure.add_scatter(
            x=[done[x].min(), done[x].max()],
            y=[best["score"]] * 2,
            mode="lines",
            name=f"best published: {escape(best['zoo'])}",
            line={"color": ZOO, "width": 1.5, "dash": "dash"},
            hoverinfo="skip",
        )
    style(figure, title, "score")
    figure.update_yaxes(rangemode="tozero")
    return figure.update_layout(height=380, margin={"b": 110})


def log_ticks(low: float, high: float, *, steps: Sequence[float] = _STEPS) -> dict[str, Any]:
    """Few round ticks, for a range far below a decade shows none of plotly's own."""
    ticks = np.concatenate([np.array(steps) * 10.0**power for power in range(-3, 6)])
    ticks = ticks[(ticks >= low) & (ticks <= high)]
    return {
        "tickvals": ticks.tolist(),
        "ticktext": [f"{tick:g}" for tick in ticks],
        "range": [float(np.log10(low)), float(np.log10(high))],
    }


def _add_dots(
    figure: go.Figure, rows: pd.DataFrame, name: str, marker: dict[str, Any], *, told: pd.Index
) -> None:
    """One trace; its hover tells figures, and of the rows `told` what the network is.

    All networks would make the page of thousands of trials slow.
    """
    whole = set(told)
    figure.add_scatter(
        x=rows["latency_ms"],
        y=rows["psnr_int8_db"],
        mode="markers",
        name=name,
        marker=marker,
        hovertext=[
            _hover(row, row["psnr_int8_db"], with_network=index in whole)
            for index, row in zip(rows.index, rows.to_dict("records"), strict=True)
        ],
        hoverinfo="text",
    )


def _unbeaten_names(rows: pd.DataFrame) -> list[tuple[str, bool]]:
    """Each name, and whether to write it: only where no other row is faster and better."""
    points = list(zip(rows["latency_ms"], rows["psnr_int8_db"], strict=True))
    beaten = [any(ms < x and psnr_db > y for ms, psnr_db in points) for x, y in points]
    return [(zoo, not lost) for zoo, lost in zip(rows["zoo"], beaten, strict=True)]


def _add_finalists(figure: go.Figure, finalists: Sequence[Row]) -> None:
    if not finalists:
        return
    best, *others = finalists
    for rows, name, symbol, size, colour in (
        (others, "finalist, converted and run", "pentagon", 13, FRONT),
        ([best], "best, converted and run", "star", 20, BEST),
    ):
        figure.add_scatter(
            x=[f["latency_ms"] for f in rows],
            y=[f["psnr_litert_int8_db"] for f in rows],
            mode="markers",
            name=name,
            marker={
                "size": size,
                "symbol": symbol,
                "color": colour,
                "line": {"width": 1.2, "color": PAPER},
            },
            error_x=_interval(rows, colour),
            hovertext=[_hover(f, f["psnr_litert_int8_db"], with_network=True) for f in rows],
            hoverinfo="text",
        )


def _interval(rows: Sequence[Row], colour: str) -> dict[str, Any]:
    """Of each row's predicted time, as a horizontal bar."""
    return {
        "array": [row["latency_high_ms"] - row["latency_ms"] for row in rows],
        "arrayminus": [row["latency_ms"] - row["latency_low_ms"] for row in rows],
        "color": colour,
        "thickness": 1.2,
        "width": 4,
    }


def _best_of(shown: pd.DataFrame, finalists: Sequence[Row]) -> Row | None:
    """The row with the highest score."""
    rows: list[Row] = [row for row in finalists if row["score"] > 0]
    scored = shown[shown["score"] > 0]
    if len(scored):
        rows.append(scored.loc[scored["score"].idxmax()].to_dict())
    return max(rows, key=lambda row: float(row["score"]), default=None)


def _add_equal_scores(figure: go.Figure, best: Row | None, low_ms: float, high_ms: float) -> None:
    """Straight lines, for time is logarithmic, on which the score is constant; each halves it.

    The constant C of score = 2^(2 PSNR) / (C ms) is read off the best row.
    """
    if best is None:
        return
    psnr_db = float(best.get("psnr_litert_int8_db", best.get("psnr_int8_db")))
    constant = 2 ** (_PER_DB * psnr_db) / (best["score"] * best["latency_ms"])
    ms = np.array([low_ms * 1.01, high_ms])
    for halvings in range(int(_PER_DB * SHOWN_DB)):
        score = best["score"] / 2**halvings
        figure.add_scatter(
            x=ms,
            y=np.log2(score * constant * ms) / _PER_DB,
            mode="lines+text",
            text=[f"score {score:.4g}", ""],
            textposition="top right",
            textfont={"size": 11, "color": FAINT},
            line={"color": "var(--contour)", "width": 1, "dash": "dot"},
            hoverinfo="skip",
            showlegend=False,
        )


def _hover(row: Row, psnr_db: float, *, with_network: bool) -> str:
    name = f" ({escape(row['zoo'])})" if row.get("zoo") else ""
    novelty = f", novelty {row['latency_novelty']:.1f}" if row.get("latency_novelty", 0) > 0 else ""
    timed = f", measured {row['measured_ms']:.2f} ms" if "measured_ms" in row else ""
    told = (
        f"<b>trial {row['number']:.0f}{name}</b>  {psnr_db:.2f} dB, {row['latency_ms']:.2f} ms"
        f" ({row['latency_low_ms']:.2f} to {row['latency_high_ms']:.2f}){novelty}{timed}<br>"
        f"score {row['score']:.4g}, {number(row['score_ratio'], 3)} of the best published"
    )
    if not with_network:
        return told
    lines = str(row["network"]).replace("\n", ";").split(";")
    if len(lines) > HOVER_LINES:
        lines = [*lines[:HOVER_LINES], f"... {len(lines) - HOVER_LINES} more"]
    return "<br>".join([told, *(escape(line.strip()) for line in lines)])
