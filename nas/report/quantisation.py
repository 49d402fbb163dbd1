"""What INT8 costs: float against INT8 of the finalists, and the winner layer by layer."""

from collections.abc import Sequence

import plotly.graph_objects as go

from nas.report.contest import Contest, Row
from nas.report.files import RunFiles
from nas.report.parts import name_of, number, soft, table
from nas.report.plots import plot
from nas.report.sensitivity import sensitivity
from nas.report.style import FAINT, SERIES, style

__all__ = ["quantisation", "quantisation_figure"]

_COLUMNS = (
    ("torch float dB", "psnr_torch_float_db"),
    ("Keras float dB", "psnr_keras_float_db"),
    ("INT8 simulation dB", "psnr_int8_simulation_db"),
    ("LiteRT INT8 dB", "psnr_litert_int8_db"),
)


def quantisation(files: RunFiles, contest: Contest) -> str:
    """The part of the page."""
    if not files.finalists:
        return soft("No network was converted yet.")
    costs = [_cost_db(row) for row in files.finalists]
    least, most = f"{min(costs):.2f}", f"{max(costs):.2f}"
    lost = most if least == most else f"{least} to {most}"
    about = (
        f"The converted files lose {lost} dB against the same "
        "networks in float. What the search simulates and what LiteRT makes of the file should "
        "agree; a gap between the two would be an error of the simulation."
    )
    says = f"For {len(costs)} finalists, PSNR in float and as the converted INT8 file. {about}"
    rows = [
        (name_of(row), *(number(row.get(key)) for _, key in _COLUMNS), number(_cost_db(row), 3))
        for row in files.finalists
    ]
    head = ("network", *(name for name, _ in _COLUMNS), "lost to INT8, dB")
    return (
        soft(about)
        + plot(quantisation_figure(files.finalists), says)
        + table("PSNR of the finalists in float and in INT8", head, rows, best=0)
        + _layers(contest.winner)
    )


def quantisation_figure(finalists: Sequence[Row]) -> go.Figure:
    """A line for each finalist from its INT8 to its float PSNR."""
    names = [name_of(row) for row in finalists]
    places = list(range(len(finalists)))
    figure = go.Figure()
    for place, row in zip(places, finalists, strict=True):
        ends = [row["psnr_litert_int8_db"], row["psnr_keras_float_db"]]
        figure.add_scatter(
            x=ends,
            y=[place, place],
            mode="lines",
            line={"color": FAINT, "width": 2},
            hoverinfo="skip",
            showlegend=False,
        )
    for name, key, symbol, colour in (
        ("float, Keras", "psnr_keras_float_db", "circle-open", SERIES[0]),
        ("INT8, LiteRT", "psnr_litert_int8_db", "diamond", SERIES[1]),
    ):
        figure.add_scatter(
            x=[row[key] for row in finalists],
            y=places,
            mode="markers",
            name=name,
            marker={"symbol": symbol, "size": 12, "color": colour, "line": {"width": 2}},
            customdata=names,
            hovertemplate="%{customdata}<br>%{fullData.name}: %{x:.3f} dB<extra></extra>",
        )
    style(figure, "PSNR, dB", None)
    figure.update_layout(height=120 + 34 * len(finalists), margin={"b": 80})
    figure.update_yaxes(range=[len(finalists) - 0.4, -0.6], tickvals=places, ticktext=names)
    return figure


def _layers(winner: Row) -> str:
    head = "<h3>Which layer of the winner costs how much</h3>"
    if not (layers := winner.get("sensitivity")):
        return head + soft("This run does not hold it; `nas quantize --sensitivity` finds it out.")
    about = (
        "Each layer rounded to 8 bits in the plain way. The file is quantised by a better method, "
        "so these bars tell where precision matters, not what the file loses."
    )
    return head + soft(about) + sensitivity(layers)


def _cost_db(row: Row) -> float:
    return float(row["psnr_keras_float_db"] - row["psnr_litert_int8_db"])
