"""Layers as Vela names them, and the nodes they come from."""

import pytest

from nas.graph import (
    Add,
    Clip,
    Concat,
    Conv2d,
    DepthToSpace,
    Graph,
    GraphBuilder,
    NearestConv2d,
    Relu,
)
from nas.latency.backends.attribution import Work, spread_over_nodes

PIXELS = 4 * 6
NET = "nas_0123456789abcdef_1"


def branches() -> Graph:
    """0 image, 1 and 2 convolutions into 3, joined, 4 with groups, 5 to 7 as usual."""
    g = GraphBuilder(channels=3)
    a = g.append(Conv2d(8, activation="relu"), g.input)
    b = g.append(Conv2d(8, activation="relu"), g.input)
    joined = g.append(Concat(), a, b)
    return g.graph(g.chain(joined, Conv2d(16, groups=2), Conv2d(27), Clip(), DepthToSpace(3)))


def macs(kernel: int, cin: int, cout: int) -> int:
    return PIXELS * kernel**2 * cin * cout


def spread(graph: Graph, *layers: Work) -> dict[int, float]:
    found = spread_over_nodes(graph, layers, height=4, width=6)
    assert len(found) == len(graph.nodes)
    assert sum(found) == pytest.approx(sum(layer[3] for layer in layers))
    return {position: cost for position, cost in enumerate(found) if cost}


def test_each_layer_finds_its_node() -> None:
    small, half = macs(3, 3, 8), macs(3, 8, 8)
    assert spread(
        branches(),
        ("Quantize", f"{NET}/__on_grid_1/FakeQuantWithMinMaxArgs", 72, 1),
        ("Conv2D", f"{NET}/concat_3_1/concat", small, 2),
        ("Conv2D", f"{NET}/concat_3_1/concat", 0, 0),  # its rectifier
        ("Conv2D", f"{NET}/concat_3_1/concat", small, 4),
        ("Conv2D", f"{NET}/conv2d_4_1/concat", half, 8),
        ("Conv2D", f"{NET}/conv2d_4_1/concat", half, 16),
        ("Conv2D", f"{NET}/conv2d_5_1/BiasAdd;{NET}/conv2d_5_1/Squeeze1", macs(3, 16, 27), 32),
        ("Minimum", f"{NET}/clip_6_1/Relu", 0, 64),
        ("Relu", f"{NET}/clip_6_1/Relu", 0, 128),
        ("DepthToSpace", f"{NET}/DepthToSpace", 0, 256),
        ("Quantize", "StatefulPartitionedCall_1:0", 0, 512),
    ) == {0: 513, 1: 2, 2: 4, 4: 24, 5: 32, 6: 192, 7: 256}


def test_what_a_concatenation_copies_is_its_own() -> None:
    g = GraphBuilder(channels=3)
    x = g.append(Conv2d(16), g.input)
    graph = g.graph(g.chain(g.append(Concat(), x, g.input), Conv2d(3), Clip()))
    layers = ("Relu", f"{NET}/concat_2_1/concat", 0, 5), ("Minimum", f"{NET}/clip_4_1/Relu", 0, 6)
    assert spread(graph, *layers) == {2: 5, 4: 6}


def test_a_rectifier_that_writes_into_a_concatenation_is_found_behind_it() -> None:
    g = GraphBuilder(channels=3)
    x = g.append(Conv2d(16), g.input)
    y = g.append(Relu(), x)
    graph = g.graph(g.chain(g.append(Concat(), x, y), Conv2d(3), Clip()))
    position = next(i for i, n in enumerate(graph.nodes) if n.op == Concat())
    relu = next(i for i, n in enumerate(graph.nodes) if n.op == Relu())
    assert spread(graph, ("Relu", f"{NET}/concat_{position}_1/concat", 0, 5)) == {relu: 5}


def test_a_name_counts_more_than_a_size() -> None:
    g = GraphBuilder(channels=3)
    up = g.append(NearestConv2d(3), g.input)
    graph = g.graph(g.append(Add(), g.append(Conv2d(27, kernel=1), g.input), up))
    nearest = next(i for i, n in enumerate(graph.nodes) if isinstance(n.op, NearestConv2d))
    name = f"{NET}/nearestconv2d_{nearest}_1/convolution1"
    assert spread(graph, ("Conv2D", name, macs(1, 3, 27), 5)) == {nearest: 5}
    assert spread(graph, ("Conv2D", name, 12345, 5)) == {nearest: 5}  # padded, of no node's size


def test_a_layer_from_nowhere_goes_to_the_output() -> None:
    graph = branches()
    assert spread(graph, ("Mystery", "somewhere", 0, 5)) == {7: 5}
    assert spread(graph, ("Mystery", f"{NET}/conv2d_4_1/concat", 0, 5)) == {4: 5}
