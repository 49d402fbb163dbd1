"""Identity, immutability and shapes of graphs."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from itertools import permutations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nas.errors import GraphError, ShapeError
from nas.graph import (
    OPS,
    Add,
    BatchNorm,
    Clip,
    Concat,
    Conv2d,
    DepthToSpace,
    GlobalAveragePool,
    Graph,
    GraphBuilder,
    Input,
    LeakyRelu,
    Multiply,
    NearestConv2d,
    Node,
    Op,
    Prelu,
    Relu,
    Repeat,
    ResizeBicubic,
    ResizeNearest,
    Shape,
    Sigmoid,
    Slice,
    SpaceToDepth,
    Tanh,
    TransposedConv2d,
    parse_text,
    to_text,
)
from nas.zoo import zoo_entry
from tests.strategies import graphs, rebuilt, unfolded

XCAT_DIGEST = "63325fb9db46e2df"  # changes only when the identity of every network changes


def chain(*ops: Op, channels: int = 3) -> Graph:
    g = GraphBuilder(channels)
    return g.graph(g.chain(g.input, *ops))


def two_branches(join: Op, *, right_first: bool, swapped: bool, dead_end: bool) -> Graph:
    g = GraphBuilder(channels=3)
    if dead_end:
        g.append(Conv2d(99), g.input)
    ops = (Conv2d(8, kernel=1), Conv2d(8, kernel=3))
    if right_first:
        right, left = (g.append(op, g.input) for op in reversed(ops))
    else:
        left, right = (g.append(op, g.input) for op in ops)
    return g.graph(g.append(join, *((right, left) if swapped else (left, right))))


@pytest.mark.parametrize("join", [Add(), Multiply()], ids=str)
@pytest.mark.parametrize("change", ["right_first", "swapped", "dead_end"])
def test_how_a_network_was_built_is_not_part_of_it(change: str, join: Op) -> None:
    plain = dict.fromkeys(("right_first", "swapped", "dead_end"), False)
    first, second = two_branches(join, **plain), two_branches(join, **{**plain, change: True})
    assert first == second
    assert first.digest == second.digest


def assume_sums_of_different_terms(graph: Graph) -> None:
    """Which of two equal terms is read again decides the order; that has a test of its own."""
    for node in graph.nodes:
        if isinstance(node.op, Add | Multiply) and node.inputs[0] != node.inputs[1]:
            assume(unfolded(graph, node.inputs[0]) != unfolded(graph, node.inputs[1]))


@given(graph=graphs(), seed=st.integers(0, 5))
def test_any_order_of_building_gives_one_graph(graph: Graph, seed: int) -> None:
    assume_sums_of_different_terms(graph)
    assert rebuilt(graph, seed) == graph


@given(graph=graphs(), seed=st.integers(0, 5))
def test_deployed_network_is_canonical_whatever_order_it_is_built_in(
    graph: Graph, seed: int
) -> None:
    deployed = graph.deployed
    assert parse_text(to_text(deployed)) == deployed
    assert deployed.deployed == deployed
    assume_sums_of_different_terms(deployed)
    assert rebuilt(deployed, seed) == deployed


@given(graph=graphs())
def test_deployed_network_differs_in_the_forms_only_and_node_by_node(graph: Graph) -> None:
    assert len(graph.deployed.nodes) == len(graph.nodes)
    for node, plain in zip(graph.nodes, graph.deployed.nodes, strict=True):
        assert plain.inputs == node.inputs
        expected = node.op
        if isinstance(expected, Conv2d):
            expected = replace(expected, form="plain", expansion=1)
        assert plain.op == expected


FORMED = [Conv2d(4), Conv2d(4, form="rrrb", expansion=2), Conv2d(4, form="ecb")]


@pytest.mark.parametrize("forms", list(permutations(FORMED, 2)), ids=str)
@pytest.mark.parametrize("swapped", [False, True])
def test_form_never_decides_which_summand_of_a_deployed_network_is_first(
    forms: tuple[Op, Op], swapped: bool
) -> None:
    def build(one: Op, other: Op) -> Graph:  # the first is read again, by a slice
        g = GraphBuilder(channels=3)
        a, b = (g.append(op, g.input) for op in (one, other))
        x = g.append(Add(), *((b, a) if swapped else (a, b)))
        return g.graph(g.append(Concat(), x, g.append(Slice(0, 2), a)))

    graph = build(*forms)
    assert graph.deployed == build(Conv2d(4), Conv2d(4))
    assert graph.digest != graph.deployed.digest


def test_frozen_graph_tells_where_each_handle_went() -> None:
    g = GraphBuilder(channels=3)
    dead = g.append(Relu(), g.input)
    conv = g.append(Conv2d(3), g.input)
    added = g.append(Add(), g.append(Tanh(), conv), conv)
    graph, place = g.freeze(added)
    assert (graph.nodes[place[conv]].op, place[g.input], place[added]) == (Conv2d(3), 0, 3)
    assert dead not in place


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
        (Conv2d(8), Conv2d(8, stride=2)),
        (Conv2d(8), Conv2d(8, form="rrrb")),
        (Conv2d(8, form="repvgg"), Conv2d(8, form="rep_block")),
        (Conv2d(8, form="rrrb"), Conv2d(8, form="rrrb", expansion=2)),
        (Conv2d(8), Conv2d(8, bits=4)),
        (TransposedConv2d(8, 4, 2), TransposedConv2d(8, 4, 4)),
        (TransposedConv2d(8, 4, 2), TransposedConv2d(8, 6, 2)),
        (LeakyRelu(0.1), LeakyRelu(0.2)),
        (Prelu(), Prelu(shared=True)),
        (Tanh(), Sigmoid()),
        (SpaceToDepth(2), SpaceToDepth(3)),
        (ResizeNearest(2), ResizeNearest(3)),
        (ResizeNearest(2), ResizeBicubic(2)),
        (Slice(0, 2), Slice(1, 2)),
        (Clip(), Clip(0.0, 0.5)),
        (NearestConv2d(2), Repeat(4)),
    ],
    ids=str,
)
def test_every_attribute_is_part_of_the_identity(a: Op, b: Op) -> None:
    assert chain(a).digest != chain(b).digest


def test_bits_of_a_sum_are_part_of_the_identity() -> None:
    def build(op: Op) -> Graph:
        g = GraphBuilder(channels=3)
        return g.graph(g.append(op, g.input, g.input))

    assert len({build(op).digest for op in (Add(), Add(bits=4), Multiply())}) == 3


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


def test_vocabulary_is_twenty_one_ops() -> None:
    assert {op.__name__ for op in OPS} == {
        *("Input", "Conv2d", "TransposedConv2d", "NearestConv2d", "BatchNorm"),
        *("Repeat", "Slice", "Concat", "Add", "Multiply"),
        *("Relu", "LeakyRelu", "Prelu", "Tanh", "Sigmoid", "Clip", "GlobalAveragePool"),
        *("DepthToSpace", "SpaceToDepth", "ResizeNearest", "ResizeBicubic"),
    }


SHAPES = [  # op, shape of its input, shape of its output
    (Input(3), Shape(4, 6, 3), Shape(4, 6, 3)),
    (Conv2d(8, kernel=5), Shape(4, 6, 3), Shape(4, 6, 8)),
    (Conv2d(8, stride=2), Shape(4, 7, 3), Shape(4 // 2, (7 + 1) // 2, 8)),
    (TransposedConv2d(8, 9, 3), Shape(4, 6, 5), Shape(4 * 3, 6 * 3, 8)),
    (NearestConv2d(3), Shape(4, 6, 3), Shape(4, 6, 3 * 9)),
    (Repeat(4), Shape(4, 6, 3), Shape(4, 6, 3 * 4)),
    (Slice(1, 2), Shape(4, 6, 3), Shape(4, 6, 2)),
    (Relu(), Shape(4, 6, 3), Shape(4, 6, 3)),
    (Clip(), Shape(4, 6, 3), Shape(4, 6, 3)),
    (BatchNorm(), Shape(4, 6, 3), Shape(4, 6, 3)),
    (LeakyRelu(0.1), Shape(4, 6, 3), Shape(4, 6, 3)),
    (Prelu(), Shape(4, 6, 3), Shape(4, 6, 3)),
    (Tanh(), Shape(4, 6, 3), Shape(4, 6, 3)),
    (Sigmoid(), Shape(4, 6, 3), Shape(4, 6, 3)),
    (GlobalAveragePool(), Shape(4, 6, 3), Shape(1, 1, 3)),
    (DepthToSpace(2), Shape(4, 6, 12), Shape(4 * 2, 6 * 2, 12 // 4)),
    (SpaceToDepth(2), Shape(4, 6, 3), Shape(4 // 2, 6 // 2, 3 * 4)),
    (ResizeNearest(3), Shape(4, 6, 3), Shape(4 * 3, 6 * 3, 3)),
    (ResizeBicubic(3), Shape(4, 6, 3), Shape(4 * 3, 6 * 3, 3)),
]


@pytest.mark.parametrize(("op", "x", "y"), SHAPES, ids=str)
def test_ops_know_their_output_shape(op: Op, x: Shape, y: Shape) -> None:
    assert op.shape_of(x) == y


def test_golden_shapes_are_of_every_op_of_one_input() -> None:
    assert {type(op) for op, _, _ in SHAPES} == OPS - {Concat, Add, Multiply}


def test_ops_of_several_inputs_know_their_output_shape() -> None:
    x, gate = Shape(4, 6, 3), Shape(1, 1, 3)
    assert Concat().shape_of(x, x, Shape(4, 6, 5)) == Shape(4, 6, 3 + 3 + 5)
    assert Add().shape_of(x, x) == x
    assert Multiply().shape_of(x, x) == x
    assert Multiply().shape_of(x, gate) == Multiply().shape_of(gate, x) == x


@pytest.mark.parametrize(
    ("ops", "scale"),
    [
        ([Conv2d(12), DepthToSpace(2)], 2),
        ([SpaceToDepth(2), Conv2d(48), DepthToSpace(4)], 4 // 2),
        ([Conv2d(8, stride=2), TransposedConv2d(3, 4, 4)], 4 // 2),
        ([ResizeNearest(3)], 3),
        ([Conv2d(3, stride=2)], 0),
    ],
    ids=str,
)
def test_scale_is_of_the_output_over_the_input(ops: list[Op], scale: int) -> None:
    assert chain(*ops).scale == scale


def concat_of_two_sizes() -> Graph:
    g = GraphBuilder(channels=4)
    return g.graph(g.append(Concat(), g.input, g.append(DepthToSpace(2), g.input)))


def add_of_two_widths() -> Graph:
    g = GraphBuilder(channels=3)
    return g.graph(g.append(Add(), g.input, g.append(Conv2d(4), g.input)))


def add_of_three() -> Graph:
    g = GraphBuilder(channels=3)
    return g.graph(g.append(Add(), g.input, g.input, g.input))


def product_with_a_row() -> Graph:
    g = GraphBuilder(channels=3)
    return g.graph(g.append(Multiply(), g.input, g.chain(g.input, GlobalAveragePool(), Conv2d(1))))


def relu_of_two() -> Graph:
    g = GraphBuilder(channels=3)
    return g.graph(g.append(Relu(), g.input, g.input))


POSITIVE = " needs positive features, kernel, groups, stride, expansion"
WRONG: list[tuple[Callable[[], object], str]] = [
    (lambda: Conv2d(0), "Conv2d(0)" + POSITIVE),
    (lambda: Conv2d(8, stride=0), "Conv2d(8, stride=0)" + POSITIVE),
    (lambda: Conv2d(8, form="rrrb", expansion=0), "Conv2d(8, form=rrrb, expansion=0)" + POSITIVE),
    (
        lambda: Conv2d(8, kernel=2),
        "Conv2d(8, kernel=2) needs an odd kernel, or the image would shift",
    ),
    (lambda: Conv2d(8, bits=1), "Conv2d(8, bits=1) needs 2 to 8 bits"),
    (lambda: Conv2d(8, bits=9), "Conv2d(8, bits=9) needs 2 to 8 bits"),
    (lambda: Add(bits=16), "Add(bits=16) needs 2 to 8 bits"),
    (
        lambda: Conv2d(8, form="lego"),  # type: ignore[arg-type]
        "Conv2d(8, form=lego) has an unknown form; there are plain, batch_norm, repvgg, rep_block, "
        "collapsible, rrrb, double_branch, ecb, dbb, ghost, kernel_network",
    ),
    (
        lambda: Conv2d(8, groups=2, form="rrrb"),
        "Conv2d(8, groups=2, form=rrrb) cannot have a form beside groups or a stride",
    ),
    (
        lambda: Conv2d(8, stride=2, form="rrrb"),
        "Conv2d(8, stride=2, form=rrrb) cannot have a form beside groups or a stride",
    ),
    (
        lambda: Conv2d(8, form="repvgg", expansion=2),
        "Conv2d(8, form=repvgg, expansion=2) has nothing inside that expands",
    ),
    (lambda: Conv2d(8, expansion=2), "Conv2d(8, expansion=2) has nothing inside that expands"),
    (
        lambda: Conv2d(7, form="ghost"),
        "Conv2d(7, form=ghost) needs even features, half of them ghosts",
    ),
    (
        lambda: Conv2d(8, kernel=5, form="ecb"),
        "Conv2d(8, kernel=5, form=ecb) needs a kernel of 3, the size of its edge filters",
    ),
    (
        lambda: Conv2d(8, bias=False, form="dbb"),
        "Conv2d(8, bias=false, form=dbb) needs a bias, which its batch normalisation makes",
    ),
    (
        lambda: TransposedConv2d(0, 4, 2),
        "TransposedConv2d(0, 4, 2) needs positive features and a kernel that covers its stride",
    ),
    (
        lambda: TransposedConv2d(8, 2, 4),
        "TransposedConv2d(8, 2, 4) needs positive features and a kernel that covers its stride",
    ),
    (
        lambda: TransposedConv2d(8, 3, 2),
        "TransposedConv2d(8, 3, 2) needs kernel - stride even, or the image would shift",
    ),
    (lambda: LeakyRelu(0.0), "LeakyRelu(0.0) needs a slope between 0 and 1"),
    (lambda: LeakyRelu(1.0), "LeakyRelu(1.0) needs a slope between 0 and 1"),
    (lambda: Clip(1.0, 0.0), "Clip(low=1.0, high=0.0) needs low < high"),
    (
        lambda: chain(Conv2d(4, groups=2)),
        "node 1: Conv2d(4, groups=2) cannot divide 3 channels into its groups",
    ),
    (
        lambda: chain(Slice(2, 2)),
        "node 1: Slice(2, 2) lies outside the 3 channels of its input",
    ),
    (
        lambda: chain(DepthToSpace(2)),
        "node 1: DepthToSpace(2) needs a multiple of 4 channels, got 12x12x3",
    ),
    (
        lambda: chain(SpaceToDepth(5)),
        "node 1: SpaceToDepth(5) needs a height and width in multiples of it, got 12x12x3",
    ),
    (
        concat_of_two_sizes,
        "node 2: Concat() needs two or more inputs of one size, got 12x12x4, 24x24x1",
    ),
    (add_of_two_widths, "node 2: Add() needs two equal shapes, got 12x12x4, 12x12x3"),
    (add_of_three, "node 1: Add() needs two equal shapes, got 12x12x3, 12x12x3, 12x12x3"),
    (
        product_with_a_row,
        "node 3: Multiply() needs two equal shapes, or one of 1x1 pixel, got 12x12x3, 1x1x1",
    ),
    (relu_of_two, "node 1: Relu() takes one input, got 2"),
    (lambda: Input(3).shape_of(Shape(4, 4, 1)), "Input(3) got an image of 1 channels"),
]


@pytest.mark.parametrize(("build", "text"), WRONG, ids=[text[:40] for _, text in WRONG])
def test_shape_error_names_node_op_and_shapes(build: Callable[[], object], text: str) -> None:
    with pytest.raises(ShapeError) as caught:
        build()
    assert str(caught.value) == text


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
