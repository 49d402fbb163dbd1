"""Where the best network's time goes: a bar per op, as the latency model shares it out."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from nas.errors import NasError
from nas.graph import Graph, op_text, parse_text
from nas.latency.devices import load_device
from nas.latency.model import Share
from nas.readers.draw import KINDS, look_of
from nas.report.parts import folded, number, soft, table
from nas.report.plots import plot
from nas.report.style import style

__all__ = ["breakdown", "breakdown_figure"]

_BAR_PX, _FRAME_PX = 19, 130
_LONGEST, _SHORTEST = 38, 16  # characters of an op at the axis, and on a phone
_SAME = 5e-3  # milliseconds that two predictions may differ by, so that both look alike


def breakdown(best: Mapping[str, Any], device: str) -> str:
    """The figure with a sentence, or why there is none."""
    graph = parse_text(str(best["network"]))
    try:
        shares = load_device(device).model.breakdown(graph)
    except NasError as error:
        return soft(
            f"The latency model of {device}, which predicted the time, cannot be asked here, so "
            f"where it goes is not known: {error}."
        )
    total_ms = sum(share.latency_ms for share in shares)
    about = (
        f"What the latency model of {device} makes of the {total_ms:.2f} ms that it predicts: "
        "fitted shares, not measurements of single ops."
    )
    if abs(total_ms - best["latency_ms"]) > _SAME:
        about += f" It was fitted anew since the search, when it said {best['latency_ms']:.2f} ms."
    return (
        soft(about)
        + plot(breakdown_figure(graph, shares), _says(graph, shares))
        + folded("Numbers of this figure", _numbers(graph, shares))
    )


def breakdown_figure(graph: Graph, shares: Sequence[Share]) -> go.Figure:
    """Milliseconds of each op, in the order of the network from the top; coloured as it is drawn.

    Args:
        graph: The network.
        shares: `LatencyModel.breakdown` of it.
    """
    total_ms = sum(share.latency_ms for share in shares)
    looks = [look_of(node.op).kind for node in graph.nodes]
    texts = _texts(graph)
    figure = go.Figure()
    for kind, (fill, line, name) in KINDS.items():
        chosen = [share for share in shares if looks[share.position] == kind]
        if not chosen:
            continue
        figure.add_bar(
            x=[share.latency_ms for share in chosen],
            y=[share.position for share in chosen],
            orientation="h",
            width=0.74,  # plotly's own follows the gaps between bars of one colour
            name="whatever the network" if kind == "image" else name,
            marker={"color": fill, "line": {"color": line, "width": 1}},
            hovertext=[
                f"<b>{share.position} {escape(texts[share.position])}</b><br>"
                f"{share.latency_ms:.3f} ms, {100 * share.latency_ms / total_ms:.1f} %<br>"
                f"{escape(share.kind) if share.position else 'what any inference costs'}"
                for share in chosen
            ],
            hoverinfo="text",
        )
    style(figure, "milliseconds", None)
    height = _FRAME_PX + _BAR_PX * len(graph.nodes)
    short = {"ticktext": _ticks(texts, _SHORTEST)}
    figure.update_layout(
        height=height,
        barmode="overlay",
        font_size=12,
        margin={"b": 90},
        meta={"narrow": {"yaxis": short, "margin": {"b": 150}, "height": height + 60}},
    )
    figure.update_yaxes(
        range=[len(graph.nodes) - 0.4, -0.6],  # from the top
        tickvals=list(range(len(graph.nodes))),
        ticktext=_ticks(texts, _LONGEST),
        ticklabelstandoff=5,
        showgrid=False,
    )
    return figure


def _texts(graph: Graph) -> list[str]:
    """What stands at each bar; the share of the input is what any inference costs."""
    return ["any inference", *(op_text(node.op) for node in graph.nodes[1:])]


def _ticks(texts: Sequence[str], longest: int) -> list[str]:
    short = [text if len(text) <= longest else f"{text[: longest - 3]}..." for text in texts]
    return [f"{text}  {position}" for position, text in enumerate(short)]


def _says(graph: Graph, shares: Sequence[Share]) -> str:
    total_ms = sum(share.latency_ms for share in shares)
    most = max(shares, key=lambda share: share.latency_ms)
    return (
        f"Bars of milliseconds for {len(graph.nodes)} ops. The longest is {most.position} "
        f"{_texts(graph)[most.position]}: {most.latency_ms:.2f} of {total_ms:.2f} ms."
    )


def _numbers(graph: Graph, shares: Sequence[Share]) -> str:
    total_ms, texts = sum(share.latency_ms for share in shares), _texts(graph)
    rows = [
        (
            f"{share.position} {texts[share.position]}",
            number(share.latency_ms, 3),
            number(100 * share.latency_ms / total_ms, 1, " %"),
        )
        for share in shares
    ]
    return table("Predicted time by op", ("op", "ms", "share"), rows)
