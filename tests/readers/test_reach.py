"""How far a network looks, against hand counts and against what really changes."""

import math

import numpy as np
import pytest
import torch

from nas.graph import Conv2d, DepthToSpace, GlobalAveragePool, GraphBuilder, Multiply, Sigmoid
from nas.readers.reach import Reach, reach_of, read_reach
from nas.readers.to_torch import to_torch
from nas.readers.weights import random_weights
from nas.zoo import zoo_entry
from tests.evaluate.conftest import graph_of

SIDE = 49  # odd, and large enough for all of them


def test_every_op_has_a_reach() -> None:
    assert reach_of.missing() == frozenset()


def test_reach_of_a_chain_is_a_sum() -> None:
    g = GraphBuilder()
    x = g.chain(g.input, Conv2d(4, kernel=7), Conv2d(4, kernel=1), Conv2d(27), DepthToSpace(3))
    assert read_reach(g.graph(x)) == Reach(3 + 0 + 1 + 1, stride=1)


def test_convolutions_behind_the_upsampling_look_less_far() -> None:
    # 1 of the first convolution, 1 of the resizing, a third of the second, rounded up
    assert read_reach(graph_of("resized")) == Reach(3, stride=1)


def test_convolutions_at_half_resolution_look_twice_as_far() -> None:
    assert read_reach(graph_of("halved")) == Reach(2 * (1 + 1 + 1), stride=2)


def test_an_average_over_the_image_looks_everywhere() -> None:
    g = GraphBuilder()
    x = g.append(Conv2d(12), g.input)
    gate = g.chain(x, GlobalAveragePool(), Sigmoid())
    found = read_reach(g.graph(g.append(DepthToSpace(2), g.append(Multiply(), x, gate))))
    assert (found.pixels, found.stride) == (math.inf, 1)


@pytest.mark.parametrize(
    "name", ["XLSR", "XCAT", "ABPN", "FSRCNN-RGBx3", "ESPCN-RGBx3", "plain", "resized"]
)
def test_what_one_pixel_changes_lies_within_reach(name: str) -> None:
    graph = graph_of(name) if name.islower() else zoo_entry(name).build()
    reach = read_reach(graph)
    network = to_torch(graph, random_weights(graph, 3)).double()
    images = torch.rand(2, graph.channels, SIDE, SIDE, dtype=torch.double) * 0.4 + 0.3
    images[1] = images[0]
    images[1, :, SIDE // 2, SIDE // 2] += 0.3
    with torch.no_grad():
        before, after = network.run(images, range(len(graph.nodes)))[_unclipped(graph)]
    changed = np.argwhere((before != after).any(dim=0).numpy())
    scale = before.shape[1] // SIDE
    furthest = np.abs(changed // scale - SIDE // 2).max()
    assert reach.pixels - 2 <= furthest <= reach.pixels


def _unclipped(graph) -> int:  # type: ignore[no-untyped-def]
    """The output, or the node before a clip, which would hide changes."""
    position = len(graph.nodes) - 1
    while type(graph.nodes[position].op).__name__ in ("Clip", "Relu", "DepthToSpace"):
        position = graph.nodes[position].inputs[0]
    return position
