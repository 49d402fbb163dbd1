"""Node by node gives what all at once gives, and holds no more than is read again."""

import gc
import weakref

import torch
from hypothesis import given
from torch import Tensor

from nas.graph import Graph
from nas.quantize.walk import walk
from nas.readers.to_torch import to_torch
from nas.readers.weights import random_weights
from nas.zoo import zoo_entry
from tests.strategies import graphs

SIZE = 8


def image(channels: int) -> Tensor:
    return torch.rand(1, channels, SIZE, SIZE, generator=torch.Generator().manual_seed(0))


@given(graph=graphs(int8=True))
def test_outputs_are_those_of_the_whole(graph: Graph) -> None:
    module, x = to_torch(graph, random_weights(graph, seed=0)), image(graph.channels)
    with torch.no_grad():
        whole = module.run(x, range(len(graph.nodes)))
        found = list(walk(graph, x, lambda i, xs: module.apply_node(i, *xs)))
    assert [position for position, _ in found] == list(range(len(graph.nodes)))
    assert all(torch.equal(y, other) for (_, y), other in zip(found, whole, strict=True))


def test_outputs_are_let_go_when_the_last_reader_has_run() -> None:
    graph = zoo_entry("ABPN").build()  # one long skip
    module = to_torch(graph, random_weights(graph, seed=0))
    seen: list[weakref.ref[Tensor]] = []
    most = 0
    with torch.no_grad():
        for _, y in walk(graph, image(3), lambda i, xs: module.apply_node(i, *xs)):
            seen.append(weakref.ref(y))
            del y
            gc.collect()
            most = max(most, sum(ref() is not None for ref in seen))
    assert most <= 4  # the image, its copies, what is read and what is written
    assert len(seen) > 8
