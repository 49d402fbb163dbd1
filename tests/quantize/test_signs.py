"""Which tensors cannot be negative."""

import pytest
import torch
from hypothesis import given

from nas.graph import (
    Add,
    BatchNorm,
    Clip,
    Concat,
    Conv2d,
    DepthToSpace,
    Graph,
    GraphBuilder,
    LeakyRelu,
    Op,
    Prelu,
    Relu,
    ResizeBicubic,
    ResizeNearest,
    Sigmoid,
    Tanh,
)
from nas.quantize.signs import unsigned_nodes
from nas.readers.to_torch import to_torch
from nas.readers.weights import random_weights
from tests.strategies import graphs


def last_is_unsigned(*ops: Op) -> bool:
    g = GraphBuilder(channels=4)
    graph = g.graph(g.chain(g.input, *ops))
    return len(graph.nodes) - 1 in unsigned_nodes(graph)


@pytest.mark.parametrize(
    ("ops", "unsigned"),
    [
        ([Conv2d(4)], False),
        ([Conv2d(4, activation="relu")], True),
        ([Conv2d(4), Relu(), DepthToSpace(2), ResizeNearest(2)], True),
        ([DepthToSpace(2)], True),  # the image itself
        ([Conv2d(4), DepthToSpace(2)], False),
        ([Conv2d(4), Sigmoid()], True),
        ([Conv2d(4), Tanh()], False),
        ([Conv2d(4), LeakyRelu(0.1)], False),
        ([Conv2d(4), Prelu()], False),  # a slope may train below zero
        ([Conv2d(4), Clip()], True),
        ([Conv2d(4), Clip(-1.0, 1.0)], False),
        ([Conv2d(4), BatchNorm()], False),
        ([ResizeBicubic(2)], False),  # overshoots
    ],
)
def test_sign_of_what_a_chain_writes(ops: list[Op], unsigned: bool) -> None:
    assert last_is_unsigned(*ops) == unsigned


@pytest.mark.parametrize("join", [Add(), Concat()], ids=str)
def test_one_signed_part_makes_the_whole_signed(join: Op) -> None:
    def joined(*activations: str) -> Graph:
        g = GraphBuilder(channels=3)
        parts = [g.append(Conv2d(4, activation=name), g.input) for name in activations]
        return g.graph(g.append(join, *parts))

    assert 3 not in unsigned_nodes(joined("relu", "none"))
    g = GraphBuilder(channels=3)
    x = g.append(Conv2d(4, activation="relu"), g.input)
    graph = g.graph(g.append(join, x, g.append(Conv2d(4, kernel=1, activation="relu"), x)))
    assert len(graph.nodes) - 1 in unsigned_nodes(graph)


@given(graph=graphs())
def test_unsigned_nodes_are_never_negative(graph: Graph) -> None:
    x = torch.rand(1, graph.channels, 6, 6, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        outputs = to_torch(graph, random_weights(graph, seed=0)).run(x, range(len(graph.nodes)))
    assert all(outputs[position].min() >= 0 for position in unsigned_nodes(graph))
