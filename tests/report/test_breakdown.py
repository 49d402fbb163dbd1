"""The figure of where the time goes."""

import pytest

from nas.graph import op_text, parse_text
from nas.latency.devices import load_device
from nas.latency.model import Share
from nas.report.breakdown import breakdown, breakdown_figure
from nas.zoo import zoo_entry

DEVICE = "synaptics-vs680"


def bars_of(figure):
    """Position, milliseconds and hover of each bar, from the top."""
    found = (zip(bars.y, bars.x, bars.hovertext, strict=True) for bars in figure.data)
    return sorted(bar for bars in found for bar in bars)


def test_every_op_has_a_bar_in_the_order_of_the_network():
    graph = zoo_entry("XCAT").build()
    model = load_device(DEVICE).model
    figure = breakdown_figure(graph, model.breakdown(graph))
    bars = bars_of(figure)
    assert [position for position, *_ in bars] == list(range(len(graph.nodes)))
    assert sum(ms for _, ms, _ in bars) == pytest.approx(model.predict(graph).latency_ms)
    bottom, top = figure.layout.yaxis.range
    assert bottom > len(graph.nodes) - 1 > 0 > top  # the image on top
    labels = figure.layout.yaxis.ticktext
    assert labels[0] == "any inference  0"
    for position, node in enumerate(graph.nodes[1:], 1):
        label, _, number = labels[position].rpartition("  ")
        assert number == str(position)
        assert op_text(node.op).startswith(label.removesuffix("..."))


def test_hover_tells_milliseconds_share_and_kind():
    graph = parse_text("0 input(3); 1 conv(27); 2 depth_to_space(3)")
    kinds = ("Input at x1", "Conv2d(kernel=3) at x1", "DepthToSpace at over x1")
    shares = [Share(i, kind, ms) for i, (kind, ms) in enumerate(zip(kinds, (1, 5, 2), strict=True))]
    hovers = [hover for _, _, hover in bars_of(breakdown_figure(graph, shares))]
    assert hovers == [
        "<b>0 any inference</b><br>1.000 ms, 12.5 %<br>what any inference costs",
        "<b>1 conv(27)</b><br>5.000 ms, 62.5 %<br>Conv2d(kernel=3) at x1",
        "<b>2 depth_to_space(3)</b><br>2.000 ms, 25.0 %<br>DepthToSpace at over x1",
    ]


NETWORK = "0 input(3); 1 conv(27); 2 depth_to_space(3)"


def test_a_model_that_changed_since_the_search_is_told():
    latency_ms = load_device(DEVICE).model.predict(parse_text(NETWORK)).latency_ms
    same = breakdown({"network": NETWORK, "latency_ms": latency_ms}, DEVICE)
    assert f"makes of the {latency_ms:.2f} ms that it predicts" in same
    assert "fitted anew" not in same
    other = breakdown({"network": NETWORK, "latency_ms": 2 * latency_ms}, DEVICE)
    assert f"anew since the search, when it said {2 * latency_ms:.2f} ms." in other


UNASKABLE = [
    ("gone", NETWORK, "there is no device &#x27;gone&#x27;"),
    (DEVICE, "0 input(3); 1 conv(27, kernel=9); 2 depth_to_space(3)", "never saw"),
]


@pytest.mark.parametrize(("device", "network", "said"), UNASKABLE)
def test_a_model_that_cannot_be_asked_is_a_sentence(device, network, said):
    told = breakdown({"network": network, "latency_ms": 1.0}, device)
    assert told.startswith(f'<p class="soft">The latency model of {device}, which predicted')
    assert said in told
    assert "plotly" not in told
