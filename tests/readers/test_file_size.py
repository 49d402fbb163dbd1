"""The bound on the size of a file: by hand, and against files that TensorFlow makes."""

import random

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
    NearestConv2d,
    Op,
    Prelu,
    Slice,
    TransposedConv2d,
)
from nas.readers.file_size import max_file_bytes
from nas.space import load_space
from nas.zoo import zoo_graph
from nas.zoo.sizes import tflite_size_kib

EMPTY = 1830 + 1024  # a file without ops, and the reserve
SHUFFLE = 160
BYTES = [  # what, ops, bytes beside those of a file that ends in depth-to-space
    ("a conv", [Conv2d(9)], 3 * 3 * 3 * 9 + 9 * 28 + 720),  # weights, channels, op
    ("its relu", [Conv2d(9, activation="relu")], 3 * 3 * 3 * 9 + 9 * 28 + 720 + 40),
    ("1x1", [Conv2d(9, kernel=1)], 3 * 9 + 9 * 28 + 720),
    ("groups", [Conv2d(9, groups=3)], 3 * 3 * 9 + 9 * 28 + 3 * (720 + 340) + 180),
    ("a form", [Conv2d(9, form="repvgg")], 3 * 3 * 3 * 9 + 9 * 28 + 720),
    ("nearest", [NearestConv2d(3)], 3 * 27 + 27 * 28 + 250),
    ("transposed", [TransposedConv2d(9, kernel=4, stride=2)], 4 * 4 * 3 * 9 + 9 * 28 + 1640),
    ("slopes", [Conv2d(9, kernel=1), Prelu()], 3 * 9 + 9 * 28 + 720 + 9 + 600),
    ("a clip", [Conv2d(9, kernel=1), Clip()], 3 * 9 + 9 * 28 + 720 + 600),
]


@pytest.mark.parametrize(("ops", "expected"), [row[1:] for row in BYTES], ids=[r[0] for r in BYTES])
def test_bytes_are_those_of_weights_channels_and_ops(ops: list[Op], expected: int) -> None:
    g = GraphBuilder(channels=3)
    graph = g.graph(g.chain(g.input, *ops, DepthToSpace(3)))
    assert max_file_bytes(graph) == EMPTY + expected + SHUFFLE


def mixed() -> Graph:
    """Every op that a file of the zoo below does not have."""
    g = GraphBuilder(channels=3)
    x = g.chain(g.input, Conv2d(12), Prelu())
    halves = [g.append(Slice(begin, 6), x) for begin in (0, 6)]
    x = g.append(Add(), g.append(Concat(), *halves), g.append(Conv2d(12, groups=4), x))
    x = g.chain(x, TransposedConv2d(12, kernel=4, stride=2), Conv2d(27, stride=2))
    return g.graph(g.chain(x, DepthToSpace(3), Clip()))


def networks() -> dict[str, Graph]:
    found = {name: zoo_graph(name) for name in ("XCAT", "XLSR")}
    spaces = {name: load_space(name) for name in ("gblock", "mobile")}
    found |= {name: space.graph(space.sample(random.Random(5))) for name, space in spaces.items()}
    return found | {"mixed": mixed()}


NETWORKS = networks()


@pytest.mark.parametrize("graph", NETWORKS.values(), ids=NETWORKS.keys())
def test_no_file_is_larger_and_none_is_much_smaller(graph: Graph) -> None:
    bound = max_file_bytes(graph)
    real = round(1024 * tflite_size_kib(graph))
    assert real <= bound - 500, "half of the reserve is left"
    assert real >= bound - max(2500, 0.05 * bound)


@given(
    width=st.integers(1, 64), more=st.integers(1, 64), kernel=st.sampled_from([1, 3, 5]),
    depth=st.integers(1, 6),
)  # fmt: skip
def test_a_wider_or_a_deeper_network_never_has_a_smaller_file(
    width: int, more: int, kernel: int, depth: int
) -> None:
    def stack(width: int, depth: int) -> int:
        g = GraphBuilder(channels=3)
        x = g.chain(g.input, *[Conv2d(width, kernel=kernel)] * depth)
        return max_file_bytes(g.graph(g.chain(x, Conv2d(27), DepthToSpace(3))))

    assert stack(width, depth) < stack(width + more, depth)
    assert stack(width, depth) < stack(width, depth + 1)
