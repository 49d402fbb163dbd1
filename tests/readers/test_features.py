"""Features against arithmetic that a reader can check."""

from dataclasses import asdict

import pytest

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
from nas.readers.features import FEATURE_NAMES, features_of, read_features

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


TABLE = [  # graph, what it adds to no op at all, at 2x4 pixels
    (
        chain(Conv2d(6)),
        {
            "launches": 1,
            "macs": PIXELS * 9 * 3 * 6,
            "aligned_macs": PIXELS * 9 * 4 * 8,  # 3 -> 4, 6 -> 8
            "read_bytes": PIXELS * 3,
            "written_bytes": PIXELS * 6,
        },
    ),
    (
        chain(Conv2d(6, groups=3, kernel=1, activation="relu")),  # a fused ReLU is no launch
        {
            "launches": 1,
            "macs": PIXELS * 3 * (1 * 2),
            "aligned_macs": PIXELS * 3 * (4 * 4),  # each group by itself
            "read_bytes": PIXELS * 3,
            "written_bytes": PIXELS * 6,
        },
    ),
    (
        chain(NearestConv2d(2)),
        {
            "launches": 1,
            "macs": PIXELS * 3 * 12,
            "aligned_macs": PIXELS * 4 * 12,
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
            "macs": PIXELS * 3 * 4 * (1 + 9),
            "aligned_macs": PIXELS * 4 * 4 * (1 + 9),
            "read_bytes": PIXELS * (3 + 3 + 4 + 4),
            "written_bytes": PIXELS * (4 + 4 + 4),
            "add_bytes": PIXELS * 4,
        },
    ),
    (
        joined(Concat()),
        {
            "launches": 3,
            "macs": PIXELS * 3 * 4 * (1 + 9),
            "aligned_macs": PIXELS * 4 * 4 * (1 + 9),
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
            "macs": PIXELS / 4 * 9 * 3 * 6,
            "aligned_macs": PIXELS / 4 * 9 * 4 * 8,
            "read_bytes": PIXELS * 3,
            "written_bytes": PIXELS / 4 * 6,
        },
    ),
    (
        chain(Conv2d(6, form="rrrb", expansion=2)),  # deployed, a form is one convolution
        {
            "launches": 1,
            "macs": PIXELS * 9 * 3 * 6,
            "aligned_macs": PIXELS * 9 * 4 * 8,
            "read_bytes": PIXELS * 3,
            "written_bytes": PIXELS * 6,
        },
    ),
    (
        chain(TransposedConv2d(6, 4, 2)),
        {
            "launches": 1,
            "macs": PIXELS * 16 * 3 * 6,
            "aligned_macs": PIXELS * 16 * 4 * 8,
            "read_bytes": PIXELS * 3,
            "written_bytes": PIXELS * 4 * 6,
        },
    ),
    (
        joined(Multiply()),
        {
            "launches": 3,
            "macs": PIXELS * 3 * 4 * (1 + 9),
            "aligned_macs": PIXELS * 4 * 4 * (1 + 9),
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


def test_reader_covers_the_vocabulary() -> None:
    assert features_of.missing() == frozenset()


def test_a_long_skip_is_held_once_for_each_level_it_waits() -> None:
    g = GraphBuilder(channels=3)
    image = g.append(Repeat(9), g.input)  # level 1
    x = g.chain(g.input, Conv2d(8), Conv2d(8), Conv2d(27))  # levels 1, 2, 3
    features = read_features(
        g.graph(g.append(Add(), image, x)), height=HEIGHT, width=WIDTH
    )  # level 4
    assert features.held_bytes == PIXELS * 27 * (4 - 1 - 1)


def test_nothing_is_held_in_a_chain() -> None:
    assert read_features(chain(Conv2d(8), Conv2d(8)), height=HEIGHT, width=WIDTH).held_bytes == 0
