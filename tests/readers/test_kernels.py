"""Kernels worked out by hand, each with the ops around it that make it what it is."""

import pytest
from hypothesis import given, settings

from nas.graph import (
    Add,
    Clip,
    Concat,
    Conv2d,
    DepthToSpace,
    Graph,
    GraphBuilder,
    Op,
    Relu,
    Repeat,
    Slice,
    TransposedConv2d,
)
from nas.readers.kernels import BRICK, Kernel, read_kernels, signatures
from tests.strategies import graphs

PIXELS = 4 * 6


def kernels(graph: Graph) -> tuple[Kernel, ...]:
    return read_kernels(graph, height=4, width=6)


def chain(*ops: Op) -> tuple[Kernel, ...]:
    g = GraphBuilder(channels=3)
    return kernels(g.graph(g.chain(g.input, *ops)))


def parts(first: int, second: int, *, grouped: int = 1) -> Graph:
    """A convolution, two more that each read a part of it, joined and read by a fourth."""
    g = GraphBuilder(channels=3)
    x = g.append(Conv2d(first + second), g.input)
    a = g.append(Conv2d(first, groups=grouped), g.append(Slice(0, first), x))
    b = g.append(Conv2d(second), g.append(Slice(first, second), x))
    return g.graph(g.append(Conv2d(8), g.append(Concat(), a, b)))


def test_all_of_a_convolution() -> None:
    found = chain(Conv2d(16), Conv2d(32, kernel=1, stride=2), Conv2d(8))[2]
    assert found == Kernel(
        kind="conv",
        size=1,
        groups=1,
        cin=16,
        cout=32,
        pixels_in=PIXELS,
        pixels_out=2 * 3,
        reads="plain",
        writes="plain",
        box_in=16,
        box_out=32,
        copied=0,
        fused=True,  # with the convolution before, on a machine that can
    )
    assert (found.read_values, found.written_values) == (PIXELS * 16, 6 * 32)


def test_the_image_is_read_as_an_image() -> None:
    assert [k.reads for k in chain(Conv2d(16), Conv2d(16))] == ["image", "image", "plain"]


@pytest.mark.parametrize("channels", [3, 16, 27])
def test_both_sides_of_a_move_of_pixels_lie_as_in_a_file(channels: int) -> None:
    convs = chain(Conv2d(channels), Conv2d(27), DepthToSpace(3), Clip())[1:]
    assert [(k.reads, k.writes) for k in convs] == [
        ("image", "plain"),
        ("plain", "linear"),
        ("linear", "linear"),
        ("linear", "plain"),
    ]


@pytest.mark.parametrize(
    ("first", "second", "joined"),
    [(16, 8, "plain"), (32, 32, "plain"), (8, 16, "linear"), (12, 12, "linear")],
)
def test_parts_lie_in_bricks_where_they_start_with_one(
    first: int, second: int, joined: str
) -> None:
    graph = parts(first, second)
    found = dict(zip([n.op for n in graph.nodes], kernels(graph), strict=True))
    whole, concat, last = (found[op] for op in (Conv2d(first + second), Concat(), Conv2d(8)))
    assert whole.writes == "linear"  # slices read it
    assert (concat.writes, last.reads) == (joined, joined)
    branch = kernels(graph)[3]
    assert (branch.kind, branch.reads, branch.writes) == ("conv", "linear", joined)
    assert (branch.cin, branch.box_in, branch.box_out) == (first, first + second, first + second)
    assert concat.copied == 0  # both convolutions write into it


def test_what_others_read_as_well_is_copied() -> None:
    g = GraphBuilder(channels=3)
    a = g.append(Conv2d(16), g.input)
    b = g.append(Conv2d(16), a)
    joined = kernels(g.graph(g.append(Concat(), a, b, g.input)))[-1]
    assert joined.copied == PIXELS * (16 + 3)  # of `a` and of the image, not of `b`


def test_groups_are_kernels_of_their_own_channels() -> None:
    by_brick, within = (chain(Conv2d(c), Conv2d(c, groups=2))[1:] for c in (2 * BRICK, BRICK))
    assert [(k.groups, k.cin, k.cout, k.box_in) for k in by_brick] == [
        (1, 3, 32, 3),
        (2, 16, 16, 32),
    ]
    assert [(k.reads, k.writes) for k in by_brick] == [("image", "linear"), ("linear", "plain")]
    assert within[1].writes == "linear"


def test_a_repeat_is_a_concatenation() -> None:
    assert [k.writes for k in chain(Repeat(9))] == ["plain", "linear"]
    assert chain(Conv2d(16), Repeat(2))[2].writes == "plain"


@pytest.mark.parametrize(("op", "fused"), [(Relu(), True), (Clip(), True), (Repeat(3), True)])
def test_an_op_behind_one_that_nothing_else_reads_may_be_done_with_it(op: Op, fused: bool) -> None:
    assert chain(Conv2d(16), op)[2].fused == fused


def test_an_op_behind_one_that_others_read_is_on_its_own() -> None:
    g = GraphBuilder(channels=3)
    x = g.append(Conv2d(16), g.input)
    found = kernels(g.graph(g.append(Add(), g.append(Relu(), x), x)))
    assert [(k.kind, k.fused) for k in found] == [
        ("input", False),
        ("conv", False),
        ("relu", False),
        ("add", True),  # the rectifier before it is read by nothing else
    ]


def test_a_transposed_convolution_reads_few_pixels_and_writes_many() -> None:
    found = chain(Conv2d(16), TransposedConv2d(3, kernel=3, stride=3))[2]
    assert (found.size, found.pixels_in, found.pixels_out) == (3, PIXELS, 9 * PIXELS)


def test_equal_surroundings_give_equal_kernels() -> None:
    g = GraphBuilder(channels=3)
    graph = g.graph(g.chain(g.input, *[Conv2d(16)] * 5, Conv2d(3)))
    found = signatures(graph, height=4, width=6)
    assert list(found.values()) == [1, 1, 4, 1]  # input, first, those between, last


@settings(max_examples=30, deadline=None)
@given(graphs())
def test_every_network_has_a_kernel_for_each_node(graph: Graph) -> None:
    found = read_kernels(graph, height=36, width=60)
    assert len(found) == len(graph.nodes)
    shapes = graph.shapes(36, 60)
    for kernel, shape in zip(found, shapes, strict=True):
        assert kernel.written_values == shape.elements
        assert min(kernel.box_in, kernel.box_out) >= 1
        assert kernel.box_out >= kernel.cout
