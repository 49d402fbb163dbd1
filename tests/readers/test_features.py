"""Features against arithmetic that a reader can check."""

from dataclasses import asdict

import hypothesis.strategies as st
import pytest
from hypothesis import given

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
from nas.readers.cost import count_macs
from nas.readers.features import (
    ALIGNMENTS,
    FEATURE_NAMES,
    Features,
    features_of,
    held_bytes,
    read_features,
    read_node_features,
)
from tests.strategies import SIDE, graphs, rebuilt

HEIGHT, WIDTH = 2, 4
PIXELS = HEIGHT * WIDTH


def chain(*ops: Op) -> Graph:
    g = GraphBuilder(channels=3)
    return g.graph(g.chain(g.input, *ops))


def gated() -> Graph:
    """The image, times the mean of each channel."""
    g = GraphBuilder(channels=3)
    return g.graph(g.append(Multiply(), g.append(GlobalAveragePool(), g.input), g.input))


def joined(op: Op) -> Graph:
    """Two convolutions of the image, of 4 channels, and `op` of both."""
    g = GraphBuilder(channels=3)
    first, second = (g.append(Conv2d(4, kernel=kernel), g.input) for kernel in (1, 3))
    return g.graph(g.append(op, first, second))


def macs(
    products: float,
    exact: int,
    by_4: int,
    by_8: int,
    by_16: int,
    by_64: int = 64 * 64,
    of_1x1: float = 0,
) -> dict[str, float]:
    """`products` times channels in and out, as they are and rounded up; `of_1x1` by 64 apart."""
    return {
        "macs": products * exact,
        "macs_by_4": products * by_4,
        "macs_by_8": products * by_8,
        "macs_by_16": products * by_16,
        "macs_by_64": products * by_64,
        "macs_1x1_by_64": of_1x1 * 64 * 64,
    }


TABLE = [  # graph, what it adds to no op at all, at 2x4 pixels
    (
        chain(Conv2d(6)),
        {
            "launches": 1,
            **macs(PIXELS * 9, 3 * 6, 4 * 8, 8 * 8, 16 * 16),  # 3 -> 4, 8, 16; 6 -> 8, 8, 16
            "read_bytes": PIXELS * 3,
            "written_bytes": PIXELS * 6,
        },
    ),
    (
        chain(Conv2d(6, groups=3, kernel=1, activation="relu")),  # a fused ReLU is no launch
        {
            "launches": 1,
            **macs(
                PIXELS * 3, 1 * 2, 4 * 4, 8 * 8, 16 * 16, of_1x1=PIXELS * 3
            ),  # each group by itself
            "read_bytes": PIXELS * 3,
            "written_bytes": PIXELS * 6,
        },
    ),
    (
        chain(Conv2d(17), Conv2d(28, kernel=1)),
        {
            "launches": 2,
            **macs(
                PIXELS,
                9 * 3 * 17 + 17 * 28,
                9 * 4 * 20 + 20 * 28,
                9 * 8 * 24 + 24 * 32,
                9 * 16 * 32 + 32 * 32,
                9 * 64 * 64 + 64 * 64,
                of_1x1=PIXELS,
            ),
            "read_bytes": PIXELS * (3 + 17),
            "written_bytes": PIXELS * (17 + 28),
        },
    ),
    (
        chain(NearestConv2d(2)),
        {
            "launches": 1,
            **macs(PIXELS, 3 * 12, 4 * 12, 8 * 16, 16 * 16, of_1x1=PIXELS),
            "read_bytes": PIXELS * 3,
            "written_bytes": PIXELS * 12,
        },
    ),
    (
        chain(Repeat(9)),
        {
            "launches": 1,
            "read_bytes": PIXELS * 3 * 9,  # nine reads of one tensor
            "written_bytes": PIXELS * 27,
            "repeat_bytes": PIXELS * 27,
        },
    ),
    (
        chain(Slice(1, 2)),
        {
            "launches": 1,
            "read_bytes": PIXELS * 2,
            "written_bytes": PIXELS * 2,
            "regroup_bytes": PIXELS * 2,
        },
    ),
    (
        joined(Add()),
        {
            "launches": 3,
            **macs(PIXELS * (1 + 9), 3 * 4, 4 * 4, 8 * 8, 16 * 16, of_1x1=PIXELS),
            "read_bytes": PIXELS * (3 + 3 + 4 + 4),
            "written_bytes": PIXELS * (4 + 4 + 4),
            "add_bytes": PIXELS * 4,
        },
    ),
    (
        joined(Concat()),
        {
            "launches": 3,
            **macs(PIXELS * (1 + 9), 3 * 4, 4 * 4, 8 * 8, 16 * 16, of_1x1=PIXELS),
            "read_bytes": PIXELS * (3 + 3 + 4 + 4),
            "written_bytes": PIXELS * (4 + 4 + 8),
            "regroup_bytes": PIXELS * 8,
        },
    ),
    (
        chain(Repeat(4), Relu(), DepthToSpace(2), Clip()),  # one below, one above
        {
            "launches": 4,
            "read_bytes": PIXELS * 12 * 4,
            "written_bytes": PIXELS * 12 * 4,
            "repeat_bytes": PIXELS * 12,
            "pointwise_low_bytes": PIXELS * 12,
            "shuffle_bytes": PIXELS * 12,
            "pointwise_high_bytes": PIXELS * 12,
        },
    ),
    (
        chain(Conv2d(6, stride=2, bits=4)),  # a quarter of the pixels is computed
        {
            "launches": 1,
            **macs(PIXELS / 4 * 9, 3 * 6, 4 * 8, 8 * 8, 16 * 16),
            "read_bytes": PIXELS * 3,
            "written_bytes": PIXELS / 4 * 6,
        },
    ),
    (
        chain(Conv2d(6, form="rrrb", expansion=2)),  # deployed, a form is one convolution
        {
            "launches": 1,
            **macs(PIXELS * 9, 3 * 6, 4 * 8, 8 * 8, 16 * 16),
            "read_bytes": PIXELS * 3,
            "written_bytes": PIXELS * 6,
        },
    ),
    (
        chain(TransposedConv2d(6, 4, 2)),
        {
            "launches": 1,
            **macs(PIXELS * 16, 3 * 6, 4 * 8, 8 * 8, 16 * 16),
            "read_bytes": PIXELS * 3,
            "written_bytes": PIXELS * 4 * 6,
        },
    ),
    (
        joined(Multiply()),
        {
            "launches": 3,
            **macs(PIXELS * (1 + 9), 3 * 4, 4 * 4, 8 * 8, 16 * 16, of_1x1=PIXELS),
            "read_bytes": PIXELS * (3 + 3 + 4 + 4),
            "written_bytes": PIXELS * (4 + 4 + 4),
            "add_bytes": PIXELS * 4,
        },
    ),
    (
        gated(),
        {
            "launches": 2,
            "read_bytes": PIXELS * 3 + (3 + PIXELS * 3),
            "written_bytes": 3 + PIXELS * 3,
            "add_bytes": PIXELS * 3,
            "held_bytes": PIXELS * 3,  # the image, until its means are known
        },
    ),
    (
        chain(BatchNorm(), LeakyRelu(0.1), Prelu(), Tanh(), Sigmoid()),
        {
            "launches": 5,
            "read_bytes": PIXELS * 3 * 5,
            "written_bytes": PIXELS * 3 * 5,
            "pointwise_low_bytes": PIXELS * 3 * 5,
        },
    ),
    (
        chain(SpaceToDepth(2), Tanh()),  # what is below the input counts as low
        {
            "launches": 2,
            "read_bytes": PIXELS * 3 * 2,
            "written_bytes": PIXELS * 3 * 2,
            "shuffle_bytes": PIXELS * 3,
            "pointwise_low_bytes": PIXELS * 3,
        },
    ),
    (
        chain(ResizeNearest(2), ResizeBicubic(3)),
        {
            "launches": 2,
            "read_bytes": PIXELS * 3 * (1 + 4),
            "written_bytes": PIXELS * 3 * (4 + 4 * 9),
            "shuffle_bytes": PIXELS * 3 * (4 + 4 * 9),
        },
    ),
]


@pytest.mark.parametrize(("graph", "expected"), TABLE)
def test_features_are_the_sums_of_the_table(graph: Graph, expected: dict[str, float]) -> None:
    nothing = dict.fromkeys(FEATURE_NAMES, 0.0) | {"inferences": 1.0}
    assert asdict(read_features(graph, height=HEIGHT, width=WIDTH)) == nothing | expected


def test_a_relu_that_the_op_before_may_do_counts_apart() -> None:
    def bytes_of(graph: Graph) -> tuple[float, float]:
        found = read_features(graph, height=HEIGHT, width=WIDTH)
        return found.fused_bytes, found.pointwise_low_bytes

    assert bytes_of(chain(Conv2d(6), Relu())) == (PIXELS * 6, 0)
    assert bytes_of(chain(Conv2d(6), Slice(0, 4), Relu())) == (0, PIXELS * 4)
    g = GraphBuilder(channels=3)
    both = g.append(Conv2d(6), g.input)
    read_twice = g.graph(g.append(Add(), g.append(Relu(), both), both))
    assert bytes_of(read_twice) == (0, PIXELS * 6)


def test_reader_covers_the_vocabulary() -> None:
    assert features_of.missing() == frozenset()


def test_each_node_has_its_own_terms() -> None:
    table = read_node_features(chain(Repeat(9), Clip()), height=HEIGHT, width=WIDTH)
    moved = PIXELS * 27
    assert table == [
        Features(inferences=1),
        Features(
            inferences=0,
            launches=1,
            read_bytes=moved,
            written_bytes=moved,
            repeat_bytes=moved,
        ),
        Features(
            inferences=0,
            launches=1,
            read_bytes=moved,
            written_bytes=moved,
            pointwise_low_bytes=moved,
        ),
    ]


@given(graph=graphs())
def test_the_nodes_add_up_to_the_network(graph: Graph) -> None:
    rows = read_node_features(graph, height=SIDE, width=SIDE)
    total = asdict(read_features(graph, height=SIDE, width=SIDE))
    assert len(rows) == len(graph.nodes)
    assert total == {name: sum(getattr(row, name) for row in rows) for name in FEATURE_NAMES}


@given(graph=graphs())
def test_terms_agree_with_what_the_graph_says(graph: Graph) -> None:
    found = read_features(graph, height=SIDE, width=SIDE)
    shapes = graph.shapes(SIDE, SIDE)
    assert found.inferences == 1
    assert found.launches == len(graph.nodes) - 1
    assert found.macs == count_macs(graph, SIDE, SIDE)
    assert found.written_bytes == sum(shape.elements for shape in shapes[1:])
    assert min(asdict(found).values()) >= 0


@given(graph=graphs())
def test_rounding_up_further_never_counts_less(graph: Graph) -> None:
    found = read_features(graph, height=SIDE, width=SIDE)
    rounded = [getattr(found, f"macs_by_{by}") for by in ALIGNMENTS]
    assert [found.macs, *rounded] == sorted([found.macs, *rounded])
    assert found.macs_1x1_by_64 <= found.macs_by_64


@given(graph=graphs(), seed=st.integers(0, 10**6))
def test_a_network_written_in_another_order_has_the_same_terms(graph: Graph, seed: int) -> None:
    other = rebuilt(graph, seed)
    assert read_features(other, height=SIDE, width=SIDE) == read_features(
        graph, height=SIDE, width=SIDE
    )


@given(graph=graphs())
def test_how_a_network_is_trained_is_no_matter(graph: Graph) -> None:
    assert read_features(graph.deployed, height=SIDE, width=SIDE) == read_features(
        graph, height=SIDE, width=SIDE
    )


def test_a_long_skip_is_held_once_for_each_level_it_waits() -> None:
    g = GraphBuilder(channels=3)
    image = g.append(Repeat(9), g.input)  # level 1
    x = g.chain(g.input, Conv2d(8), Conv2d(8), Conv2d(27))  # levels 1, 2, 3
    graph = g.graph(g.append(Add(), image, x))  # level 4
    waiting = PIXELS * 27 * (4 - 1 - 1)
    held = held_bytes(graph, graph.shapes(HEIGHT, WIDTH))
    assert {type(graph.nodes[i].op): size for i, size in enumerate(held) if size} == {
        Repeat: waiting
    }
    assert read_features(graph, height=HEIGHT, width=WIDTH).held_bytes == waiting


def test_what_has_several_readers_waits_for_the_last() -> None:
    g = GraphBuilder(channels=3)
    x = g.chain(g.input, Relu(), Relu())  # levels 1, 2
    graph = g.graph(g.append(Concat(), g.input, x, g.input))  # level 3
    assert held_bytes(graph, graph.shapes(HEIGHT, WIDTH)) == [PIXELS * 3 * (3 - 0 - 1), 0, 0, 0]


def test_nothing_is_held_in_a_chain() -> None:
    graph = chain(Conv2d(8), Conv2d(8))
    assert held_bytes(graph, graph.shapes(HEIGHT, WIDTH)) == [0, 0, 0]
    assert read_features(graph, height=HEIGHT, width=WIDTH).held_bytes == 0
