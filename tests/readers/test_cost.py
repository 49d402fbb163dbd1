"""Counts, each written so that a reader can check it."""

import pytest
from hypothesis import assume, given

from nas.graph import (
    Add,
    BatchNorm,
    Clip,
    Concat,
    Conv2d,
    DepthToSpace,
    GlobalAveragePool,
    Graph,
    GraphBuilder,
    LeakyRelu,
    Multiply,
    NearestConv2d,
    Op,
    Prelu,
    Relu,
    Repeat,
    ResizeBicubic,
    ResizeNearest,
    Sigmoid,
    Slice,
    SpaceToDepth,
    Tanh,
    TransposedConv2d,
)
from nas.readers.cost import (
    Cost,
    count_fixed_parameters,
    count_macs,
    count_parameters,
    peak_memory_bytes,
    read_cost,
)
from tests.strategies import graphs


def chain(*ops: Op, channels: int = 3) -> Graph:
    g = GraphBuilder(channels)
    return g.graph(g.chain(g.input, *ops))


COSTS = [  # what, ops one after the other, parameters, MACs at 8x10x3
    ("conv 3->16", [Conv2d(16)], 9 * 3 * 16 + 16, 8 * 10 * 16 * (3 * 3 * 3)),
    ("no bias", [Conv2d(16, bias=False)], 9 * 3 * 16, 8 * 10 * 16 * 27),
    ("relu is free", [Conv2d(16, activation="relu")], 9 * 3 * 16 + 16, 8 * 10 * 16 * 27),
    ("1x1", [Conv2d(8, kernel=1)], 3 * 8 + 8, 8 * 10 * 8 * 3),
    ("5x5", [Conv2d(8, kernel=5)], 25 * 3 * 8 + 8, 8 * 10 * 8 * 75),
    (
        "1x1 after 3x3",
        [Conv2d(4), Conv2d(8, kernel=1)],
        (27 * 4 + 4) + (4 * 8 + 8),
        8 * 10 * (4 * 27 + 8 * 4),
    ),
    (
        "four groups of 2->3",
        [Conv2d(8), Conv2d(12, groups=4)],
        (27 * 8 + 8) + (9 * 2 * 12 + 12),
        8 * 10 * (8 * 27 + 12 * 9 * 2),
    ),
    (
        "every second pixel",
        [Conv2d(16, stride=2)],
        9 * 3 * 16 + 16,
        (8 // 2) * (10 // 2) * 16 * 27,
    ),
    (
        "what a form trains with is not deployed",
        [Conv2d(16, form="rrrb", expansion=2)],
        9 * 3 * 16 + 16,
        8 * 10 * 16 * 27,
    ),
    ("4 bit", [Conv2d(16, bits=4)], 9 * 3 * 16 + 16, 8 * 10 * 16 * 27),
    (
        "transposed 3->5, 9x9, each pixel writes 81 values of 5 channels",
        [TransposedConv2d(5, 9, 3)],
        9 * 9 * 3 * 5 + 5,
        8 * 10 * 81 * 3 * 5,
    ),
    ("batch norm has a scale and a shift, and two statistics", [BatchNorm()], 2 * 3, 0),
    ("a slope for each channel", [Prelu()], 3, 0),
    ("one slope", [Prelu(shared=True)], 1, 0),
    ("curves", [LeakyRelu(0.1), Tanh(), Sigmoid()], 0, 0),
    ("frozen anchor", [NearestConv2d(3)], 0, 8 * 10 * 27 * 3),
    ("shape ops", [Repeat(9), Clip(), Relu(), Slice(0, 9), DepthToSpace(3)], 0, 0),
    ("more of them", [SpaceToDepth(2), ResizeNearest(2), ResizeBicubic(3)], 0, 0),
    (
        "conv at half the resolution",
        [SpaceToDepth(2), Conv2d(16)],
        9 * 12 * 16 + 16,
        4 * 5 * 16 * 9 * 12,
    ),
    (
        "conv of one pixel",
        [GlobalAveragePool(), Conv2d(4, kernel=1)],
        3 * 4 + 4,
        3 * 4,
    ),
    (
        "conv at the high resolution",
        [Conv2d(27, kernel=1), DepthToSpace(3), Conv2d(3)],
        (3 * 27 + 27) + (27 * 3 + 3),
        8 * 10 * 27 * 3 + 24 * 30 * 3 * 27,
    ),
]


@pytest.mark.parametrize(
    ("ops", "parameters", "macs"), [c[1:] for c in COSTS], ids=[c[0] for c in COSTS]
)
def test_counts(ops: list[Op], parameters: int, macs: int) -> None:
    assert count_parameters(chain(*ops)) == parameters
    assert count_macs(chain(*ops), height=8, width=10) == macs


def test_fixed_parameters_are_those_of_the_frozen_kernel() -> None:
    assert count_fixed_parameters(chain(NearestConv2d(3))) == 3 * 27
    assert count_fixed_parameters(chain(Repeat(9))) == 0


def test_sums_products_and_concat_are_free() -> None:
    g = GraphBuilder(channels=3)
    doubled = g.append(Add(), g.input, g.input)
    graph = g.graph(g.append(Concat(), g.append(Multiply(), doubled, g.input), g.input))
    assert (count_parameters(graph), count_macs(graph, 8, 8)) == (0, 0)


def test_peak_memory_of_a_chain_is_the_largest_neighbours() -> None:
    graph = chain(Conv2d(16), Conv2d(4), Conv2d(27))
    assert peak_memory_bytes(graph, 8, 10) == 8 * 10 * max(3 + 16, 16 + 4, 4 + 27)


def test_peak_memory_holds_a_skip_until_it_is_read() -> None:
    g = GraphBuilder(channels=3)
    early = g.append(Conv2d(6), g.input)
    graph = g.graph(g.append(Add(), g.chain(early, Conv2d(20), Conv2d(6)), early))
    assert peak_memory_bytes(graph, 8, 10) == 8 * 10 * max(3 + 6, 6 + 20, 6 + 20 + 6, 6 + 6 + 6)


def test_peak_memory_counts_upscaled_tensors_at_their_size() -> None:
    graph = chain(Conv2d(27), DepthToSpace(3), Clip())
    pixels = 8 * 10
    assert peak_memory_bytes(graph, 8, 10) == max(pixels * (3 + 27), pixels * (27 + 9 * 3))


def test_all_counts_at_once_at_the_challenge_size() -> None:
    graph = chain(NearestConv2d(3), DepthToSpace(3))
    pixels = 360 * 640
    assert read_cost(graph) == Cost(0, 3 * 27, pixels * 27 * 3, pixels * (27 + 27))


def test_peak_memory_counts_a_gate_as_one_pixel() -> None:
    g = GraphBuilder(channels=3)
    x = g.append(Conv2d(6), g.input)
    graph = g.graph(g.append(Multiply(), x, g.append(GlobalAveragePool(), x)))
    pixels = 8 * 10
    assert peak_memory_bytes(graph, 8, 10) == pixels * 6 + 6 + pixels * 6


@given(graph=graphs())
def test_macs_grow_with_the_image_and_parameters_do_not(graph: Graph) -> None:
    assume(not any(isinstance(node.op, GlobalAveragePool) for node in graph.nodes))
    assert count_macs(graph, 12, 8) == 6 * count_macs(graph, 4, 4)
    assert peak_memory_bytes(graph, 12, 8) == 6 * peak_memory_bytes(graph, 4, 4)


@given(graph=graphs())
def test_forms_cost_nothing(graph: Graph) -> None:
    assert read_cost(graph, 8, 10) == read_cost(graph.deployed, 8, 10)
