"""The figure of what rounding each layer costs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from nas.report.parts import folded, number, section, table
from nas.report.plots import plot
from nas.report.shell import page, write_page
from nas.report.style import SERIES, style

__all__ = ["sensitivity", "sensitivity_figure", "write_sensitivity"]

_KINDS = {  # of a bar: name in the legend, colour, pattern
    "weights_db": ("only its weights", SERIES[1], ""),
    "activations_db": ("only its output", SERIES[0], "/"),
    "without_db": ("gained where all but it is rounded", SERIES[5], "."),
}
_LONGEST, _SHORTEST = 38, 15  # characters of an op at the axis, and on a phone
Layer = Mapping[str, Any]


def sensitivity(layers: Sequence[Layer]) -> str:
    """The figure and its numbers."""
    worst = max(layers, key=lambda layer: layer["without_db"])
    says = (
        f"Bars of dB for {len(layers)} layers. Most is gained, {worst['without_db']:.3f} dB, where "
        f"layer {worst['position']}, {worst['op']}, stays float."
    )
    head = ("layer", *(name for name, *_ in _KINDS.values()))
    rows = [(_name(layer, 99), *(number(layer[kind], 3) for kind in _KINDS)) for layer in layers]
    shown = table("PSNR lost to plain rounding of a layer to 8 bits, in dB", head, rows)
    return plot(sensitivity_figure(layers), says) + folded("Numbers of this figure", shown)


def sensitivity_figure(layers: Sequence[Layer]) -> go.Figure:
    """Bars of dB, three a layer, from the top of the network.

    Args:
        layers: As in `quantize.json`, or the `sensitivity` of a finalist.
    """
    places = list(range(len(layers)))
    figure = go.Figure()
    for kind, (name, colour, pattern) in _KINDS.items():
        figure.add_bar(
            x=[layer[kind] for layer in layers],
            y=places,
            name=name,
            orientation="h",
            marker={"color": colour, "pattern": {"shape": pattern, "size": 5, "solidity": 0.35}},
            customdata=[_name(layer, 99) for layer in layers],
            hovertemplate="%{customdata}<br>%{fullData.name}: %{x:.3f} dB<extra></extra>",
        )
    style(figure, "PSNR, dB", None)
    short = {"ticktext": [_name(layer, _SHORTEST) for layer in layers]}
    figure.update_layout(
        height=150 + 46 * len(layers),
        bargap=0.3,
        margin={"b": 90},
        meta={"narrow": {"yaxis": short, "margin": {"b": 120}, "height": 180 + 46 * len(layers)}},
    )
    figure.update_yaxes(
        range=[len(layers) - 0.4, -0.6],  # from the top
        tickvals=places,
        ticktext=[_name(layer, _LONGEST) for layer in layers],
        showgrid=False,
    )
    return figure


def write_sensitivity(file: Path, layers: Sequence[Layer]) -> None:
    """Writes the figure as a page that needs no network."""
    body = section("What plain rounding of a layer to 8 bits costs", sensitivity(layers))
    write_page(file, page("Sensitivity of the layers", "INT8 against float, in dB", body))


def _name(layer: Layer, longest: int) -> str:
    op = str(layer["op"])
    return f"{layer['position']} {op if len(op) <= longest else f'{op[: longest - 3]}...'}"
