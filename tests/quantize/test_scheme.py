"""Which tensors share a grid, which are fixed, and where the image changes grids."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.graph import (
    Add,
    Clip,
    Concat,
    Conv2d,
    DepthToSpace,
    Graph,
    GraphBuilder,
    LeakyRelu,
    Op,
    Relu,
    Repeat,
    Sigmoid,
    Slice,
    Tanh,
)
from nas.quantize.scheme import (
    IMAGE_GRID,
    Grid,
    grid_of,
    grids,
    read_scheme,
    regrids,
    symmetric_grid,
)
from nas.zoo import ENTRIES, mobile_x3_names, zoo_entry
from tests.strategies import graphs

WIDE = (-1.0, 3.0)


def chain(*ops: Op, channels: int = 3) -> Graph:
    g = GraphBuilder(channels)
    return g.graph(g.chain(g.input, *ops))


def two_convs_joined(*more: Op) -> Graph:
    g = GraphBuilder(channels=3)
    parts = [g.append(Conv2d(4, kernel=k), g.input) for k in (1, 3)]
    return g.graph(g.chain(g.append(Concat(), *parts), *more))


@pytest.mark.parametrize(
    ("low", "high", "grid"),
    [
        (0.0, 1.0, Grid(1 / 255, -128)),
        (0.25, 1.0, Grid(1 / 255, -128)),  # zero is always inside
        (-1.0, 0.0, Grid(1 / 255, 127)),
        (-1.0, 1.0, Grid(2 / 255, 0)),  # -128 + 127.5 is -0.5, which rounds to the even 0
        (-0.5, 2.05, Grid(0.01, -78)),
        (0.0, 0.0, Grid(1e-6, -128)),
    ],
)
def test_grid_spans_the_range_and_holds_zero(low: float, high: float, grid: Grid) -> None:
    found = grid_of(low, high)
    assert found.scale == pytest.approx(grid.scale)
    assert found.zero_point == grid.zero_point


@given(low=st.floats(-100, 0), high=st.floats(1e-3, 100))
def test_grid_misses_no_end_by_more_than_a_step(low: float, high: float) -> None:
    grid = grid_of(low, high)
    assert -128 <= grid.zero_point <= 127
    assert abs(grid.low - low) <= grid.scale
    assert abs(grid.high - high) <= grid.scale


@given(low=st.floats(-100, 0), high=st.floats(1e-3, 100))
def test_scale_is_the_one_that_a_file_holds(low: float, high: float) -> None:
    grid = grid_of(low, high)
    ends = (float(np.float32(grid.low)), float(np.float32(grid.high)))
    assert grid.scale == np.float32((ends[1] - ends[0]) / 255)


def test_image_grid_is_that_of_uint8() -> None:
    assert (IMAGE_GRID.low, IMAGE_GRID.high) == (0, 1)


def test_concat_shares_one_grid_with_its_inputs() -> None:
    graph = two_convs_joined(Conv2d(3))
    scheme = read_scheme(graph)
    joined = next(i for i, node in enumerate(graph.nodes) if isinstance(node.op, Concat))
    a, b = graph.nodes[joined].inputs
    assert scheme.group[a] == scheme.group[b] == scheme.group[joined]
    assert scheme.regrid == frozenset()
    ranges = {0: (0.0, 1.0), a: (-1.0, 0.5), b: (0.0, 4.1), joined: (-1.0, 4.1), joined + 1: WIDE}
    found = grids(graph, ranges)
    assert found[a] == found[b] == found[joined] == grid_of(-1.0, 4.1)


@pytest.mark.parametrize("op", [Slice(0, 1), Repeat(2), DepthToSpace(2)], ids=str)
def test_op_that_moves_values_keeps_their_grid(op: Op) -> None:
    graph = chain(Conv2d(4), op, Conv2d(3))
    scheme = read_scheme(graph)
    assert scheme.group[1] == scheme.group[2]
    assert len({scheme.group[i] for i in (0, 1, 3)}) == 3


@pytest.mark.parametrize("op", [LeakyRelu(0.1), Conv2d(4, activation="relu")], ids=str)
def test_op_that_computes_has_a_grid_of_its_own(op: Op) -> None:
    scheme = read_scheme(chain(Conv2d(4), op, Conv2d(3)))
    assert len(set(scheme.group)) == 4


def test_sum_that_only_a_relu_reads_lies_on_the_grid_of_the_relu() -> None:
    g = GraphBuilder(channels=3)
    both = [g.append(Conv2d(4, kernel=k), g.input) for k in (1, 3)]
    graph = g.graph(g.chain(g.append(Add(), *both), Relu(), Conv2d(3)))
    add, relu = 3, 4
    assert isinstance(graph.nodes[relu].op, Relu)
    found = grids(
        graph, {0: (0.0, 1.0), 1: WIDE, 2: WIDE, add: (-9.0, 2.0), relu: (0.0, 2.0), 5: WIDE}
    )
    assert found[add] == found[relu] == grid_of(0.0, 2.0)  # what lies below zero is never written


@pytest.mark.parametrize(("op", "grid"), [(Sigmoid(), (1 / 256, -128)), (Tanh(), (1 / 128, 0))])
def test_sigmoid_and_tanh_have_the_grid_of_their_specification(
    op: Op, grid: tuple[float, int]
) -> None:
    graph = chain(Conv2d(4), op, Slice(0, 2), Conv2d(3))
    found = grids(graph, dict.fromkeys(range(5), WIDE))
    assert found[2] == found[3] == Grid(*grid)  # the slice moves its codes


def test_copies_of_the_image_keep_its_grid() -> None:
    g = GraphBuilder(channels=3)
    image = g.append(Repeat(9), g.input)
    graph = g.graph(g.chain(g.append(Add(), image, g.append(Conv2d(27), g.input)), DepthToSpace(3)))
    ranges = dict.fromkeys(range(len(graph.nodes)), (0.0, 0.9))
    found = grids(graph, ranges)
    copies = next(i for i, node in enumerate(graph.nodes) if isinstance(node.op, Repeat))
    assert found[copies] == IMAGE_GRID
    assert regrids(graph, found) == frozenset()


def test_image_keeps_its_grid_where_it_is_joined() -> None:
    g = GraphBuilder(channels=3)
    x = g.append(Conv2d(4), g.input)
    graph = g.graph(g.append(Conv2d(3), g.append(Concat(), x, g.input)))
    scheme = read_scheme(graph)
    joined = 2
    assert isinstance(graph.nodes[joined].op, Concat)
    assert scheme.regrid == {(joined, 0)}
    assert scheme.group[joined] == scheme.group[1] != scheme.group[0]
    found = grids(graph, {0: (0.0, 0.4), 1: WIDE, joined: WIDE, 3: WIDE})
    assert found[0] == IMAGE_GRID  # whatever images were seen
    assert found[1] == found[joined] == grid_of(*WIDE)


@pytest.mark.parametrize("op", [Slice(0, 1), Repeat(9)], ids=str)
def test_image_that_is_moved_may_change_its_grid(op: Op) -> None:
    graph = chain(op, Conv2d(3))
    assert read_scheme(graph).regrid == {(1, 0)}


@pytest.mark.parametrize(
    "ops",
    [
        [Conv2d(12), Clip(), DepthToSpace(2)],
        [Conv2d(12), DepthToSpace(2), Clip()],
        [Conv2d(12), Relu(), DepthToSpace(2)],  # the uint8 output limits above
        [Conv2d(12), DepthToSpace(2)],
    ],
    ids=["clip first", "clip last", "relu", "bare"],
)
def test_what_is_only_clipped_saturates_at_the_clip(ops: list[Op]) -> None:
    graph = chain(*ops)
    scheme = read_scheme(graph)
    assert {scheme.fixed[scheme.group[i]] for i in range(1, len(graph.nodes))} == {IMAGE_GRID}
    found = grids(graph, dict.fromkeys(range(len(graph.nodes)), WIDE))
    assert set(found[1:]) == {IMAGE_GRID}


def test_what_is_read_beyond_the_clip_keeps_its_range() -> None:
    g = GraphBuilder(channels=3)
    x = g.append(Conv2d(3), g.input)
    graph = g.graph(g.append(Add(), g.append(Clip(), x), x))
    clip = next(i for i, node in enumerate(graph.nodes) if isinstance(node.op, Clip))
    conv = graph.nodes[clip].inputs[0]
    scheme = read_scheme(graph)
    assert scheme.group[conv] not in scheme.fixed
    found = grids(graph, dict.fromkeys(range(len(graph.nodes)), WIDE))
    assert (found[conv], found[clip]) == (grid_of(*WIDE), IMAGE_GRID)


def test_relu_inside_a_network_does_not_saturate() -> None:
    graph = chain(Conv2d(4), Relu(), Conv2d(3), Clip())
    scheme = read_scheme(graph)
    assert set(scheme.fixed) == {scheme.group[i] for i in (0, 3, 4)}


def test_scheme_of_xcat_written_out() -> None:
    graph = zoo_entry("XCAT").build()
    scheme = read_scheme(graph)
    names = [type(node.op).__name__ for node in graph.nodes]
    members: dict[int, list[str]] = {}
    for name, group in zip(names, scheme.group, strict=True):
        members.setdefault(group, []).append(name)
    assert sorted(map(sorted, members.values())) == sorted(
        [
            ["Add"],
            ["Clip", "DepthToSpace"],
            ["Conv2d"],  # after the last block
            ["Conv2d"],  # readout
            ["Concat", "Conv2d", "Conv2d"],  # last block
            ["Concat", "Conv2d", "Conv2d", "Slice", "Slice"],  # first block and what it feeds
            ["Conv2d", "Slice", "Slice"],  # head
            ["Input"],
            ["NearestConv2d"],
        ]
    )
    limited = {names[i] for i, group in enumerate(scheme.group) if group in scheme.fixed}
    assert limited == {"Input", "Add", "Clip", "DepthToSpace"}
    assert scheme.regrid == frozenset()


@pytest.mark.parametrize("name", mobile_x3_names())
def test_published_networks_end_on_the_image_grid(name: str) -> None:
    graph = ENTRIES[name].build()
    found = grids(graph, dict.fromkeys(range(len(graph.nodes)), WIDE))
    assert found[0] == found[-1] == IMAGE_GRID


def test_output_is_on_the_image_grid_whatever_op_ends_the_network() -> None:
    graph = chain(Conv2d(4), Slice(0, 3))
    assert grids(graph, dict.fromkeys(range(3), WIDE))[-1] == IMAGE_GRID


@given(graph=graphs(int8=True))
def test_scheme_of_any_graph(graph: Graph) -> None:
    scheme = read_scheme(graph)
    assert scheme.group[0] == 0
    for position, node in enumerate(graph.nodes):
        if isinstance(node.op, Concat | Slice | Repeat | DepthToSpace):
            for i in node.inputs:
                assert (position, i) in scheme.regrid or scheme.group[i] == scheme.group[position]
    assert all(i == 0 for _, i in scheme.regrid)


def test_codes_of_sixteen_bits_lie_around_zero() -> None:
    grid = symmetric_grid(-0.5, 2.0)
    assert (grid.zero_point, grid.bits) == (0, 16)
    assert (grid.lowest_code, grid.highest_code) == (-32768, 32767)
    assert grid.high == pytest.approx(2.0)
    assert grid.low == pytest.approx(-2.0, rel=1e-4)


def test_all_grids_of_sixteen_bits_are_symmetric() -> None:
    graph = chain(Conv2d(4), Sigmoid(), Conv2d(12), Clip(), DepthToSpace(2))
    found = grids(graph, dict.fromkeys(range(6), WIDE), bits=16)
    assert {(grid.zero_point, grid.bits) for grid in found} == {(0, 16)}
    assert found[1].high == pytest.approx(3.0)
    assert found[0].high == found[-1].high == pytest.approx(1.0)
