"""The figure of what rounding each layer costs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

__all__ = ["sensitivity_figure", "write_sensitivity"]

_KINDS = {  # of a layer: name in the legend, colour
    "weights_db": ("only its weights", "#c2410c"),
    "activations_db": ("only its output", "#1d4ed8"),
    "without_db": ("gained where all but it is rounded", "#7c8796"),
}


def sensitivity_figure(layers: Sequence[Mapping[str, Any]]) -> go.Figure:
    """Bars of dB, three a layer.

    Args:
        layers: As in `quantize.json`.
    """
    names = [f"{layer['position']} {layer['op']}" for layer in layers]
    figure = go.Figure()
    for kind, (name, colour) in _KINDS.items():
        values = [layer[kind] for layer in layers]
        figure.add_bar(y=names, x=values, name=name, orientation="h", marker_color=colour)
    figure.update_layout(
        title="What plain rounding of a layer to 8 bits costs",
        template="plotly_white",
        xaxis_title="PSNR lost, dB",
        yaxis={"autorange": "reversed", "automargin": True},
        legend={"orientation": "h", "y": -0.15},
        height=160 + 44 * len(layers),
        bargap=0.35,
    )
    return figure


def write_sensitivity(file: Path, layers: Sequence[Mapping[str, Any]]) -> None:
    """Writes the figure as a page that needs no network."""
    sensitivity_figure(layers).write_html(file, include_plotlyjs=True, full_html=True)
