"""The start of training carries the image: every network begins as nearest upsampling."""

import random

import numpy as np
import pytest
import torch

from nas.graph import Conv2d, DepthToSpace, Graph, GraphBuilder
from nas.readers.readout import find_readout
from nas.readers.to_torch import to_torch
from nas.space import load_space
from nas.train.start import identity_start
from nas.zoo import ENTRIES, mobile_x3_names

HXNET = load_space("hxnet")
# Sums stand before their readout, and a sum of two images is no image; or channels hold pixels, or
# a curve bends the values.
LOSES_THE_IMAGE = {
    *("Antins_cv", "Antins_cv-27branch", "TinySRNet", "TinySRNet-skip3x3", "mju_gogogo-EDSRatt"),
    *("ESPCN-RGBx3", "IMDN-x3", "EDSR-x3"),
}
SUMS_FEATURES = {"BilibiliAI", "MobileSR-CDFM", "MobileSR-CDFM-c28", "PureConvSR-train", "FastSR"}
WITH_READOUT = {name: ENTRIES[name].build() for name in mobile_x3_names()}
WITH_READOUT = {name: graph for name, graph in WITH_READOUT.items() if find_readout(graph)}


def random_picks(count: int) -> list[Graph]:
    rng = random.Random(8)
    return [HXNET.graph(HXNET.sample(rng), scale=(2, 3, 4)[i % 3]) for i in range(count)]


def starts_as_nearest(graph: Graph, gain: float = 0.7) -> bool:
    x = torch.rand(1, 3, 6, 8, generator=torch.Generator().manual_seed(3)) * 0.8 + 0.1
    y = to_torch(graph, identity_start(graph, seed=5, gain=gain))(x)
    nearest = x.repeat_interleave(graph.scale, 2).repeat_interleave(graph.scale, 3)
    return torch.allclose(y, nearest, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", WITH_READOUT)
def test_published_network_starts_as_nearest_upsampling(name: str) -> None:
    assert starts_as_nearest(WITH_READOUT[name]) == (name not in LOSES_THE_IMAGE)


@pytest.mark.parametrize("graph", random_picks(50), ids=lambda graph: graph.digest[:6])
def test_pick_starts_as_nearest_upsampling(graph: Graph) -> None:
    assert starts_as_nearest(graph)


@pytest.mark.parametrize("name", WITH_READOUT)
def test_readout_reads_three_channels_that_hold_red_green_and_blue(name: str) -> None:
    graph = WITH_READOUT[name]
    readout = find_readout(graph)
    assert readout is not None
    source = graph.nodes[readout.conv].inputs[0]
    module = to_torch(graph, identity_start(graph, seed=5, gain=0.7))
    x = torch.rand(1, 3, 6, 8) * 0.8 + 0.1
    features = module.run(x, range(source + 1))[source]
    holds = [
        any(torch.equal(channel, colour) for channel in features[0]) for colour in x[0].unbind()
    ]
    assert holds == [name not in LOSES_THE_IMAGE | SUMS_FEATURES] * 3


def test_start_repeats_with_its_seed_and_fills_every_weight() -> None:
    graph = ENTRIES["XCAT"].build()
    a, b, c = (identity_start(graph, seed=seed, gain=0.7) for seed in (1, 1, 2))
    assert set(a) == set(to_torch(graph).weights())
    assert all(np.array_equal(a[name], b[name]) for name in a)
    assert any(not np.array_equal(a[name], c[name]) for name in a)


def test_gain_scales_what_is_random_and_leaves_what_carries() -> None:
    g = GraphBuilder(channels=3)
    x = g.append(Conv2d(8, activation="relu"), g.input)
    graph = g.graph(g.chain(x, Conv2d(12), DepthToSpace(2)))
    one, half = (identity_start(graph, seed=1, gain=gain)["1/kernel"] for gain in (1.0, 0.5))
    np.testing.assert_array_equal(half[..., :3], one[..., :3])
    np.testing.assert_allclose(half[..., 3:], one[..., 3:] / 2)
    expected = np.zeros((3, 3, 3, 3))
    expected[1, 1] = np.eye(3)
    np.testing.assert_array_equal(one[..., :3], expected)


def test_of_parallel_convs_one_carries_each_colour() -> None:
    graph = ENTRIES["XLSR"].build()  # four heads read the image
    module = to_torch(graph, identity_start(graph, seed=5, gain=0.7))
    joined = next(i for i, node in enumerate(graph.nodes) if type(node.op).__name__ == "Concat")
    x = torch.rand(1, 3, 6, 8)
    features = module.run(x, range(joined + 1))[joined][0]
    for colour in x[0]:
        assert sum(torch.equal(channel, colour) for channel in features) == 1
