"""Identity, immutability and shapes of graphs."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nas.errors import GraphError, ShapeError
from nas.graph import (
    OPS,
    Add,
    Clip,
    Concat,
    Conv2d,
    DepthToSpace,
    Graph,
    GraphBuilder,
    Input,
    NearestConv2d,
    Node,
    Op,
    Relu,
    Repeat,
    Shape,
    Slice,
)
from nas.zoo import zoo_entry
from tests.strategies import graphs, rebuilt, unfolded

XCAT_DIGEST = "af7d3767820bd07a"  # changes only when the identity of every network changes


def chain(*ops: Op, channels: int = 3) -> Graph:
    g = GraphBuilder(channels)
    return g.graph(g.chain(g.input, *ops))


def two_branches(*, right_first: bool, swapped: bool, dead_end: bool) -> Graph:
    g = GraphBuilder(channels=3)
    if dead_end:
        g.append(Conv2d(99), g.input)
    ops = (Conv2d(8, kernel=1), Conv2d(8, kernel=3))
    if right_first:
        right, left = (g.append(op, g.input) for op in reversed(ops))
    else:
        left, right = (g.append(op, g.input) for op in ops)
    return g.graph(g.append(Add(), *((right, left) if swapped else (left, right))))


@pytest.mark.parametrize("change", ["right_first", "swapped", "dead_end"])
def test_how_a_network_was_built_is_not_part_of_it(change: str) -> None:
    plain = dict.fromkeys(("right_first", "swapped", "dead_end"), False)
    first, second = two_branches(**plain), two_branches(**{**plain, change: True})
    assert first == second
    assert first.digest == second.digest


@given(graph=graphs(), seed=st.integers(0, 5))
def test_any_order_of_building_gives_one_graph(graph: Graph, seed: int) -> None:
    for node in graph.nodes:
        if isinstance(node.op, Add) and node.inputs[0] != node.inputs[1]:
            assume(unfolded(graph, node.inputs[0]) != unfolded(graph, node.inputs[1]))
    assert rebuilt(graph, seed) == graph


def test_sum_of_equal_convs_is_one_network_whichever_is_read_again() -> None:
    def build(swapped: bool) -> Graph:
        g = GraphBuilder(channels=3)
        a, b = (g.append(Conv2d(4), g.input) for _ in range(2))
        added = g.append(Add(), *((b, a) if swapped else (a, b)))
        return g.graph(g.append(Concat(), added, a))

    assert build(swapped=False) == build(swapped=True)


def test_order_of_a_concat_is_part_of_the_network() -> None:
    def build(swapped: bool) -> Graph:
        g = GraphBuilder(channels=3)
        parts = [g.append(Conv2d(4, kernel=k), g.input) for k in (1, 3)]
        return g.graph(g.append(Concat(), *(reversed(parts) if swapped else parts)))

    assert build(swapped=False).digest != build(swapped=True).digest


def test_parallel_equal_convs_are_not_one_shared_conv() -> None:
    def build(heads: int) -> Graph:
        g = GraphBuilder(channels=3)
        made = [g.append(Conv2d(8, activation="relu"), g.input) for _ in range(heads)]
        return g.graph(g.append(Concat(), *(made * 4)[:4]))

    parallel, shared = build(heads=4), build(heads=1)
    assert (len(parallel.nodes), len(shared.nodes)) == (1 + 4 + 1, 1 + 1 + 1)
    assert parallel.digest != shared.digest


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (Conv2d(8), Conv2d(9)),
        (Conv2d(8), Conv2d(8, kernel=5)),
        (Conv2d(9), Conv2d(9, groups=3)),
        (Conv2d(8), Conv2d(8, activation="relu")),
        (Conv2d(8), Conv2d(8, bias=False)),
        (Slice(0, 2), Slice(1, 2)),
        (Clip(), Clip(0.0, 0.5)),
        (NearestConv2d(2), Repeat(4)),
    ],
    ids=str,
)
def test_every_attribute_is_part_of_the_identity(a: Op, b: Op) -> None:
    assert chain(a).digest != chain(b).digest


def test_digest_is_golden_and_the_same_in_another_process() -> None:
    code = "from nas.zoo import zoo_entry; print(zoo_entry('XCAT').build().digest)"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert zoo_entry("XCAT").build().digest == XCAT_DIGEST
    assert other.stdout.strip() == XCAT_DIGEST


def test_graph_and_its_parts_are_frozen() -> None:
    graph = chain(Conv2d(8))
    for owner, name in ((graph, "nodes"), (graph.nodes[1], "op"), (graph.nodes[1].op, "features")):
        with pytest.raises(FrozenInstanceError, match=f"^cannot assign to field '{name}'$"):
            setattr(owner, name, None)
    assert {chain(Conv2d(8)), chain(Conv2d(8))} == {graph}


def test_vocabulary_is_ten_ops() -> None:
    assert {op.__name__ for op in OPS} == {
        *("Input", "Conv2d", "NearestConv2d", "Repeat", "Slice"),
        *("Concat", "Add", "Relu", "Clip", "DepthToSpace"),
    }


SHAPES = [  # op, shape of its input, shape of its output
    (Input(3), Shape(4, 6, 3), Shape(4, 6, 3)),
    (Conv2d(8, kernel=5), Shape(4, 6, 3), Shape(4, 6, 8)),
    (NearestConv2d(3), Shape(4, 6, 3), Shape(4, 6, 3 * 9)),
    (Repeat(4), Shape(4, 6, 3), Shape(4, 6, 3 * 4)),
    (Slice(1, 2), Shape(4, 6, 3), Shape(4, 6, 2)),
    (Relu(), Shape(4, 6, 3), Shape(4, 6, 3)),
    (Clip(), Shape(4, 6, 3), Shape(4, 6, 3)),
    (DepthToSpace(2), Shape(4, 6, 12), Shape(4 * 2, 6 * 2, 12 // 4)),
]


@pytest.mark.parametrize(("op", "x", "y"), SHAPES, ids=str)
def test_ops_know_their_output_shape(op: Op, x: Shape, y: Shape) -> None:
    assert op.shape_of(x) == y


def test_concat_and_add_know_their_output_shape() -> None:
    x = Shape(4, 6, 3)
    assert Concat().shape_of(x, x, Shape(4, 6, 5)) == Shape(4, 6, 3 + 3 + 5)
    assert Add().shape_of(x, x) == x


def concat_of_two_sizes() -> Graph:
    g = GraphBuilder(channels=4)
    return g.graph(g.append(Concat(), g.input, g.append(DepthToSpace(2), g.input)))


def add_of_two_widths() -> Graph:
    g = GraphBuilder(channels=3)
    return g.graph(g.append(Add(), g.input, g.append(Conv2d(4), g.input)))


def add_of_three() -> Graph:
    g = GraphBuilder(channels=3)
    return g.graph(g.append(Add(), g.input, g.input, g.input))


def relu_of_two() -> Graph:
    g = GraphBuilder(channels=3)
    return g.graph(g.append(Relu(), g.input, g.input))


CONV = "Conv2d(features={}, kernel={}, groups={}, activation='none', bias=True)"
WRONG: list[tuple[Callable[[], object], str]] = [
    (lambda: Conv2d(0), CONV.format(0, 3, 1) + " needs positive features, kernel and groups"),
    (
        lambda: Conv2d(8, kernel=2),
        CONV.format(8, 2, 1) + " needs an odd kernel, or the image would shift",
    ),
    (lambda: Clip(1.0, 0.0), "Clip(low=1.0, high=0.0) needs low < high"),
    (
        lambda: chain(Conv2d(4, groups=2)),
        f"node 1: {CONV.format(4, 3, 2)} cannot divide 3 channels into its groups",
    ),
    (
        lambda: chain(Slice(2, 2)),
        "node 1: Slice(begin=2, size=2) lies outside the 3 channels of its input",
    ),
    (
        lambda: chain(DepthToSpace(2)),
        "node 1: DepthToSpace(block=2) needs a multiple of 4 channels, got 12x12x3",
    ),
    (
        concat_of_two_sizes,
        "node 2: Concat() needs two or more inputs of one size, got 12x12x4, 24x24x1",
    ),
    (add_of_two_widths, "needs two equal shapes, got 12x12x"),
    (add_of_three, "node 1: Add() needs two equal shapes, got 12x12x3, 12x12x3, 12x12x3"),
    (relu_of_two, "node 1: Relu() takes one input, got 2"),
    (lambda: Input(3).shape_of(Shape(4, 4, 1)), "Input(channels=3) got an image of 1 channels"),
]


@pytest.mark.parametrize(("build", "text"), WRONG, ids=[text[:40] for _, text in WRONG])
def test_shape_error_names_node_op_and_shapes(build: Callable[[], object], text: str) -> None:
    with pytest.raises(ShapeError) as caught:
        build()
    assert text in str(caught.value)


def test_builder_refuses_an_input_that_is_not_there() -> None:
    g = GraphBuilder(channels=3)
    with pytest.raises(GraphError) as caught:
        g.append(Relu(), 7)
    assert str(caught.value) == "Relu() needs inputs that were appended before it, got (7,)"


def test_graph_without_input_has_no_channels() -> None:
    with pytest.raises(GraphError) as caught:
        _ = Graph((Node(Relu(), ()),)).channels
    assert str(caught.value) == "the first node must be Input, got Relu()"


def test_consumers_lists_each_reader_once() -> None:
    g = GraphBuilder(channels=3)
    a = g.append(Conv2d(3), g.input)
    graph = g.graph(g.append(Add(), g.append(Add(), a, a), g.input))
    assert [graph.nodes[i].op for i in graph.consumers[0]] == [Conv2d(3), Add()]
    assert [len(readers) for readers in graph.consumers] == [2, 1, 1, 0]


@given(graph=graphs())
def test_nodes_stand_behind_what_they_read_and_the_first_is_the_input(graph: Graph) -> None:
    assert isinstance(graph.nodes[0].op, Input)
    for position, node in enumerate(graph.nodes):
        assert all(i < position for i in node.inputs)
        assert position == len(graph.nodes) - 1 or graph.consumers[position]
