"""How every figure looks: colours that the page names, so that they follow light, dark and print.

A colour such as `var(--front)` is a CSS variable of `template.html`; the page puts its value in
when it draws. Nothing is told by colour alone: marks of another meaning have another shape, too.
"""

from typing import Any

import plotly.graph_objects as go

__all__ = ["BEST", "FAINT", "FRONT", "GRID", "INK", "PAPER", "RUNGS", "SERIES", "ZOO", "style"]

INK = "var(--ink)"
PAPER = "var(--paper)"
GRID = "var(--grid)"
FAINT = "var(--faint)"
FRONT = "var(--front)"
BEST = "var(--best)"
ZOO = "var(--zoo)"
RUNGS = tuple(f"var(--rung-{place})" for place in (1, 2, 3))
SERIES = tuple(f"var(--series-{place})" for place in (1, 2, 3, 4, 5, 6))
_CLEAR = "rgba(0,0,0,0)"


def style(figure: go.Figure, x: str, y: str | None) -> None:
    """Gives a figure the look of the page; `x` and `y` name its axes."""
    axis: dict[str, Any] = {
        "gridcolor": GRID, "linecolor": GRID, "tickcolor": GRID, "zeroline": False,
        "automargin": True, "title_standoff": 10,
    }  # fmt: skip
    figure.update_layout(
        template="none",
        paper_bgcolor=_CLEAR,
        plot_bgcolor=_CLEAR,
        font={"family": "system-ui, Helvetica, Arial, sans-serif", "size": 13, "color": INK},
        margin={"l": 20, "r": 14, "t": 14, "b": 20},
        hoverlabel={
            "align": "left",
            "bgcolor": PAPER,
            "bordercolor": FAINT,
            "font": {"size": 12, "color": INK},
        },
        legend={
            "orientation": "h", "x": 0, "xanchor": "left",
            "yref": "container", "y": 0, "yanchor": "bottom", "bgcolor": _CLEAR,
        },
        modebar={"bgcolor": _CLEAR, "color": FAINT, "activecolor": INK},
    )  # fmt: skip
    figure.update_xaxes(title=x, **axis)
    figure.update_yaxes(title=y, **axis)
