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
    count_operations,
    count_parameters,
    peak_memory_bytes,
    read_cost,
    skip_memory_bytes,
)
from nas.zoo import zoo_entry
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


def test_product_of_few_bits_counts_its_share_of_a_float_one() -> None:
    graph = chain(Conv2d(16), Conv2d(4, bits=2))
    float_macs = (8 * 10 * 16 * 27, 8 * 10 * 4 * 16 * 9)
    assert count_operations(graph, 8, 10) == sum(float_macs)
    four_six = count_operations(graph, 8, 10, weight_bits=4, feature_bits=6)
    assert four_six == float_macs[0] * 24 / 1024 + float_macs[1] * 4 / 1024  # the second has two
    weights_only = count_operations(graph, 8, 10, weight_bits=4)
    assert weights_only == float_macs[0] * 4 / 32 + float_macs[1] * 2 / 32
    first = count_operations(graph, 8, 10, weight_bits=8, feature_bits=8, where={1})
    assert first == float_macs[0] / 16 + float_macs[1]


def test_skips_are_kept_until_they_are_read_and_what_is_enlarged_does_not_count() -> None:
    g = GraphBuilder(channels=3)
    early = g.append(Conv2d(6), g.input)
    inside = g.chain(early, Conv2d(20), Conv2d(6))
    graph = g.graph(g.chain(g.append(Add(), inside, early), Conv2d(48), DepthToSpace(4)))
    assert skip_memory_bytes(graph, 8, 10) == 4 * 8 * 10 * (6 + 20)
    assert skip_memory_bytes(graph, 8, 10, bits=6) == 8 * 10 * (6 + 20) * 6 // 8


TABLE_2 = [  # scale, network, bits wt/fm/sc; computed, published: G operations, MB of skips
    (2, "SRResNet", (32, 32, 32), (997.041, 531.118), (997.018, 531.117)),
    (2, "SRResNet", (8, 8, 8), (62.315, 132.780), (62.314, 132.779)),  # DoReFa, too
    (2, "SRResNet", (8, 8, 32), (62.315, 531.118), (62.314, 531.117)),
    (2, "SRResNet", (6, 6, 8), (35.052, 132.780), (35.106, 132.779)),
    (2, "SRResNet", (4, 4, 8), (15.579, 132.780), (15.578, 132.779)),
    (2, "SRResNet", (4, 4, 32), (15.579, 531.118), (15.578, 531.117)),
    (2, "SRResNet_woM", (32, 32, 32), (155.750, 177.039), (155.749, 177.039)),
    (4, "SRResNet", (32, 32, 32), (383.500, 132.780), (383.484, 132.777)),
    (4, "SRResNet", (8, 8, 8), (23.969, 33.195), (23.968, 33.194)),
    (4, "SRResNet", (8, 8, 32), (23.969, 132.780), (23.968, 132.777)),
    (4, "SRResNet", (6, 6, 8), (13.482, 33.195), (13.499, 33.194)),
    (4, "SRResNet", (4, 4, 8), (5.992, 33.195), (5.992, 33.194)),
    (4, "SRResNet", (4, 4, 32), (5.992, 132.780), (5.992, 132.777)),
    (4, "SRResNet_woM", (32, 32, 32), (173.178, 44.260), (173.175, 44.260)),
]
HIGH_RESOLUTION = (1356, 2040)


def fqsr(name: str, scale: int) -> tuple[Graph, int, int]:
    height, width = (side // scale for side in HIGH_RESOLUTION)
    return zoo_entry(f"FQSR-{name}-x{scale}").build(), height, width


@pytest.mark.parametrize(("scale", "name", "bits", "computed", "published"), TABLE_2)
def test_operations_and_memory_of_the_fqsr_paper(
    scale: int,
    name: str,
    bits: tuple[int, int, int],
    computed: tuple[float, float],
    published: tuple[float, float],
) -> None:
    weights, features, skips = bits
    image = fqsr(name, scale)
    operations = count_operations(*image, weight_bits=weights, feature_bits=features) / 1e9
    memory = skip_memory_bytes(*image, bits=skips) / 1e6
    assert (round(operations, 3), round(memory, 3)) == computed
    if weights == 6:  # the paper divides by 28.4
        operations *= 1024 / 36 / 28.4
    assert operations == pytest.approx(published[0], rel=4e-4 if weights == 6 else 6e-5)
    assert memory == pytest.approx(published[1], rel=3e-5)


@pytest.mark.parametrize(
    ("scale", "operations_g", "memory_mb"), [(2, 159.035, 5842.287), (4, 173.997, 1460.580)]
)
def test_binary_baseline_of_the_fqsr_paper(
    scale: int, operations_g: float, memory_mb: float
) -> None:
    """BAM: the mapping counts 1/256, as with 2 bits; 33 maps are kept."""
    graph, height, width = image = fqsr("SRResNet", scale)
    convs = [i for i, node in enumerate(graph.nodes) if isinstance(node.op, Conv2d)]
    mapping = convs[1 : 1 + 2 * 16 + 1]
    found = count_operations(*image, weight_bits=2, feature_bits=2, where=mapping) / 1e9
    assert found == pytest.approx(operations_g, rel=3e-5)
    one_map = skip_memory_bytes(*fqsr("SRResNet_woM", scale))
    assert one_map == height * width * 64 * 4
    assert 33 * one_map / 1e6 == pytest.approx(memory_mb, rel=1e-5)


@pytest.mark.parametrize(
    ("scale", "lite_g", "ten_blocks_g"), [(2, 14.456, 24.297), (4, 8.339, 10.794)]
)
def test_published_operations_of_lite_are_those_of_ten_convolutions(
    scale: int, lite_g: float, ten_blocks_g: float
) -> None:
    """Text and code have ten blocks, two convolutions each and one behind them."""
    _, height, width = image = fqsr("SRResNet_Lite", scale)
    found = count_operations(*image, weight_bits=6, feature_bits=6) / 1e9
    assert round(found, 3) == ten_blocks_g
    ends = count_macs(*fqsr("SRResNet_woM", scale))
    mapping = 10 * height * width * 64 * 64 * 9
    assert (ends + mapping) / 28.4 / 1e9 == pytest.approx(lite_g, rel=6e-4)


@pytest.mark.parametrize(
    ("name", "scale", "share"), [("SRResNet", 2, 0.1562), ("SRResNet", 4, 0.4516)]
)
def test_share_of_operations_outside_the_mapping(name: str, scale: int, share: float) -> None:
    whole, ends = (count_macs(*fqsr(which, scale)) for which in (name, f"{name}_woM"))
    assert ends / whole == pytest.approx(share, abs=5e-5)  # published: 15.6 % and 45.1 %
