"""Figures as the page holds them: data for its script, and words for who cannot see them."""

from html import escape

import plotly.graph_objects as go

__all__ = ["plot"]


def plot(figure: go.Figure, says: str) -> str:
    """A figure, which the script of the page draws in the colours of the moment.

    Args:
        figure: With a height. `layout.meta["narrow"]` has what is other in its layout on a phone.
        says: What it shows, in a sentence or two: all that a screen reader tells of it.
    """
    content = figure.to_json()  # which writes "<" as \u003c, so that it cannot end the element
    return (
        f'<div class="plot" role="group" aria-label="{escape(says)}" '
        f'style="height:{figure.layout.height:.0f}px"></div>'
        f'<script type="application/json">{content}</script>'
    )
