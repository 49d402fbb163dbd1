"""Figures of a run: the Pareto front, and the best score over the trials."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from nas.report.parts import number
from nas.search.front import front

__all__ = ["pareto_figure", "progress_figure", "style"]

INK, GRID, FRONT, BEST, ZOO = "#1c2530", "#e8ecf1", "#c2410c", "#d97706", "#7c3aed"
FRONT_INTERVAL = "#e9b59b"
PLACES = ("top right", "bottom right", "top left", "bottom left")  # so that names touch less
HOVER_LINES = 26  # of a network's text; more than that no screen shows
SHOWN_DB = 5.0  # below the best; worse networks are there when one zooms out
Finalist = Mapping[str, Any]


def pareto_figure(trials: pd.DataFrame, finalists: list[dict[str, Any]]) -> go.Figure:
    """INT8 PSNR against predicted milliseconds.

    Dots are trials by the INT8 simulation, the darker the longer they were trained; the line is
    their front. Large markers are finalists by LiteRT. Front and finalists have the interval of
    their predicted time.

    Args:
        trials: `RunFiles.trials`.
        finalists: `RunFiles.finalists`, best first; may be empty.
    """
    shown = trials.dropna(subset=["psnr_int8_db", "latency_ms"])
    best_ones = front(trials)
    figure = go.Figure()
    bars = [*best_ones.to_dict("records"), *finalists]
    low_ms = min([*shown["latency_ms"], *(row["latency_low_ms"] for row in bars)]) * 0.93
    high_ms = max([*shown["latency_ms"], *(row["latency_high_ms"] for row in bars)]) * 1.12
    _add_equal_scores(figure, [*shown.to_dict("records"), *finalists], low_ms, high_ms)
    rungs = sorted(shown["steps"].dropna().unique())
    for place, steps in enumerate(rungs):
        depth = 0.3 + 0.6 * (place + 1) / len(rungs)
        rows = shown[(shown["steps"] == steps) & (shown["zoo"] == "")]
        colour = sample_colorscale("Blues", depth)[0]
        _add_dots(figure, rows, f"trained {steps:.0f} steps", {"size": 7, "color": colour})
    published = shown[shown["zoo"] != ""]
    if len(published):
        marker = {"size": 10, "symbol": "diamond", "color": ZOO}
        _add_dots(figure, published, "published network", marker, names=True)
    figure.add_scatter(
        x=best_ones["latency_ms"],
        y=best_ones["psnr_int8_db"],
        mode="lines",
        name="front of the search",
        line={"color": FRONT, "width": 2},
        error_x=_interval(best_ones.to_dict("records"), FRONT_INTERVAL),
        hoverinfo="skip",
    )
    _add_finalists(figure, finalists)
    style(figure, "predicted milliseconds", "INT8 PSNR, dB")
    figure.update_layout(height=560, legend={"orientation": "h", "y": -0.16})
    figure.update_xaxes(type="log", **_log_ticks(low_ms, high_ms))
    top = max([*shown["psnr_int8_db"], *(f["psnr_litert_int8_db"] for f in finalists)])
    # Early-stopped networks at the bottom must not flatten the front; zooming out shows them.
    low = max(shown["psnr_int8_db"].quantile(0.1), top - SHOWN_DB)
    figure.update_yaxes(range=[low - 0.2, top + 0.25])
    return figure


def progress_figure(trials: pd.DataFrame) -> go.Figure:
    """Score of each finished trial, the best so far, and the best published network."""
    done = trials[(trials["state"] == "COMPLETE") & trials["score"].notna()].sort_values("number")
    figure = go.Figure()
    marker = {"size": 6, "color": "#8fb3dc"}
    figure.add_scatter(
        x=done["number"], y=done["score"], mode="markers", name="trial", marker=marker
    )
    figure.add_scatter(
        x=done["number"],
        y=done["score"].cummax(),
        mode="lines",
        name="best so far",
        line={"color": FRONT, "width": 2, "shape": "hv"},
    )
    published = done[done["zoo"] != ""]
    if len(published):
        best = published.loc[published["score"].idxmax()]
        figure.add_hline(
            y=best["score"],
            line={"color": ZOO, "width": 1, "dash": "dot"},
            annotation={"text": f"best published: {escape(best['zoo'])}", "font_color": ZOO},
            annotation_position="bottom right",
        )
    style(figure, "trial", "score")
    return figure.update_layout(height=340, legend={"orientation": "h", "y": 1.12})


def _add_dots(
    figure: go.Figure,
    rows: pd.DataFrame,
    name: str,
    marker: dict[str, Any],
    *,
    names: bool = False,
) -> None:
    """One trace; its hover tells what each network is."""
    figure.add_scatter(
        x=rows["latency_ms"],
        y=rows["psnr_int8_db"],
        mode="markers+text" if names else "markers",
        name=name,
        text=[escape(zoo) if named else "" for zoo, named in _unbeaten_names(rows)],
        textposition=[PLACES[k % len(PLACES)] for k in rows["latency_ms"].rank().astype(int)],
        textfont={"size": 10.5, "color": ZOO},
        marker=marker | {"line": {"width": 0.5, "color": "#fff"}},
        hovertext=[_hover(row, row["psnr_int8_db"]) for row in rows.to_dict("records")],
        hoverinfo="text",
    )


def _unbeaten_names(rows: pd.DataFrame) -> list[tuple[str, bool]]:
    """Each name, and whether to write it: only where no other row is faster and better."""
    points = list(zip(rows["latency_ms"], rows["psnr_int8_db"], strict=True))
    beaten = [any(ms < x and psnr_db > y for ms, psnr_db in points) for x, y in points]
    return [(zoo, not lost) for zoo, lost in zip(rows["zoo"], beaten, strict=True)]


def _add_finalists(figure: go.Figure, finalists: list[dict[str, Any]]) -> None:
    if not finalists:
        return
    best, *others = finalists
    for rows, name, symbol, size, colour in (
        (others, "finalist, converted and run", "circle", 12, FRONT),
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
                "line": {"width": 1.2, "color": "#fff"},
            },
            error_x=_interval(rows, colour),
            hovertext=[_hover(f, f["psnr_litert_int8_db"]) for f in rows],
            hoverinfo="text",
        )


def _interval(rows: Sequence[Mapping[Any, Any]], colour: str) -> dict[str, Any]:
    """Of each row's predicted time, as a horizontal bar."""
    return {
        "array": [row["latency_high_ms"] - row["latency_ms"] for row in rows],
        "arrayminus": [row["latency_ms"] - row["latency_low_ms"] for row in rows],
        "color": colour,
        "thickness": 1.2,
        "width": 4,
    }


def _add_equal_scores(
    figure: go.Figure, rows: list[dict[str, Any]], low_ms: float, high_ms: float
) -> None:
    """Straight lines, for time is logarithmic, on which the score is constant; each halves it.

    The constant C of score = 2^(2 PSNR) / (C ms) is read off the best row.
    """
    scored = [row for row in rows if row["score"] > 0]
    if not scored:
        return
    best = max(scored, key=lambda row: float(row["score"]))
    psnr_db = float(
        best["psnr_litert_int8_db" if "psnr_litert_int8_db" in best else "psnr_int8_db"]
    )
    constant = 4**psnr_db / (best["score"] * best["latency_ms"])
    ms = np.array([low_ms * 1.01, high_ms])
    for halvings in range(int(2 * SHOWN_DB)):
        score = best["score"] / 2**halvings
        figure.add_scatter(
            x=ms,
            y=np.log2(score * constant * ms) / 2,
            mode="lines+text",
            text=[f"score {score:.3g}", ""],
            textposition="top right",
            textfont={"size": 10, "color": "#8d98a5"},
            line={"color": "#d3dae2", "width": 1, "dash": "dot"},
            hoverinfo="skip",
            showlegend=False,
        )


def _hover(row: Mapping[str, Any], psnr_db: float) -> str:
    lines = str(row["network"]).replace("\n", ";").split(";")
    if len(lines) > HOVER_LINES:
        lines = [*lines[:HOVER_LINES], f"... {len(lines) - HOVER_LINES} more"]
    name = f" ({escape(row['zoo'])})" if row.get("zoo") else ""
    novelty = f", novelty {row['latency_novelty']:.1f}" if row.get("latency_novelty", 0) > 0 else ""
    timed = f", measured {row['measured_ms']:.2f} ms" if "measured_ms" in row else ""
    return (
        f"<b>trial {row['number']}{name}</b>  {psnr_db:.2f} dB, {row['latency_ms']:.2f} ms"
        f" ({row['latency_low_ms']:.2f} to {row['latency_high_ms']:.2f}){novelty}{timed}<br>"
        f"score {row['score']:.4g}, {number(row['score_ratio'], 3)} of the best published<br>"
        + "<br>".join(escape(line.strip()) for line in lines)
    )


def _log_ticks(low: float, high: float) -> dict[str, Any]:
    """Few round ticks, for a range far below a decade shows none of plotly's own."""
    steps = np.array([1, 1.5, 2, 2.5, 3, 4, 5, 6, 8])
    ticks = np.concatenate([steps * 10.0**power for power in range(-3, 6)])
    ticks = ticks[(ticks >= low) & (ticks <= high)]
    return {
        "tickvals": ticks,
        "ticktext": [f"{tick:g}" for tick in ticks],
        "range": [np.log10(low), np.log10(high)],
    }


def style(figure: go.Figure, x: str, y: str) -> None:
    """How every figure of the page looks; `x` and `y` name its axes."""
    figure.update_layout(
        template="plotly_white",
        font={"family": "system-ui, Helvetica, Arial, sans-serif", "size": 13, "color": INK},
        margin={"l": 60, "r": 20, "t": 20, "b": 50},
        hoverlabel={"align": "left", "font_size": 12, "bgcolor": "#fff"},
    )
    figure.update_xaxes(title=x, gridcolor=GRID, zeroline=False)
    figure.update_yaxes(title=y, gridcolor=GRID, zeroline=False)
