"""Equalisation changes no function, and brings channels to one range."""

import random

import numpy as np
import pytest
import torch
from hypothesis import given

from nas.graph import Conv2d, Graph, GraphBuilder, LeakyRelu, Op, Relu
from nas.quantize.calibration import Extremes, observe
from nas.quantize.equalize import LARGEST_FACTOR, channel_factors, rescale
from nas.readers.to_torch import to_torch
from nas.readers.weights import Array, Weights, random_weights
from nas.space import load_space
from nas.zoo import ENTRIES, zoo_entry
from tests.strategies import graphs

HXNET = load_space("hxnet")


def random_picks() -> list[Graph]:
    rng = random.Random(4)
    return [HXNET.graph(HXNET.sample(rng)) for _ in range(25)]


def run(graph: Graph, weights: Weights) -> list[torch.Tensor]:
    x = torch.rand(2, graph.channels, 10, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return to_torch(graph, weights).run(x, range(len(graph.nodes)))


def extremes_of(graph: Graph, weights: Weights) -> Extremes:
    outputs = run(graph, weights)
    return Extremes(
        tuple(y.amin(dim=(0, 2, 3)).numpy() for y in outputs),
        tuple(y.amax(dim=(0, 2, 3)).numpy() for y in outputs),
    )


def peaks_of(graph: Graph, weights: Weights) -> dict[int, Array]:
    return {i: y.abs().amax(dim=(0, 2, 3)).numpy() for i, y in enumerate(run(graph, weights))}


def equalized(graph: Graph, weights: Weights) -> dict[str, Array]:
    return rescale(graph, weights, channel_factors(graph, weights, extremes_of(graph, weights)))


def uneven(graph: Graph) -> dict[str, Array]:
    """Random weights whose output channels differ in size up to eight times."""
    rng = np.random.default_rng(1)
    weights = random_weights(graph, seed=7)
    for name in weights:
        if name.endswith("/kernel"):
            factors = rng.uniform(0.25, 2, weights[name].shape[3]).astype(np.float32)
            weights[name] *= factors
    return weights


def assert_function_is_kept(graph: Graph, weights: dict[str, Array]) -> None:
    before = run(graph, weights)
    after = run(graph, equalized(graph, weights))
    largest = max(float(y.abs().max()) for y in before)  # the last output may be clipped
    tolerance = 1e-5 * max(10.0, largest)
    torch.testing.assert_close(after[-1], before[-1], rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", ENTRIES)
def test_published_network_keeps_its_function(name: str) -> None:
    graph = ENTRIES[name].build()
    assert_function_is_kept(graph, uneven(graph))


@pytest.mark.parametrize("graph", random_picks(), ids=lambda graph: graph.digest[:6])
def test_pick_keeps_its_function(graph: Graph) -> None:
    assert_function_is_kept(graph, uneven(graph))


@given(graph=graphs(int8=True))
def test_any_graph_keeps_its_function(graph: Graph) -> None:
    assert_function_is_kept(graph, uneven(graph))


def test_channels_of_a_plain_network_get_one_peak() -> None:
    graph = zoo_entry("ABPN").build()
    weights = uneven(graph)
    before = peaks_of(graph, weights)
    after = peaks_of(graph, equalized(graph, weights))
    scaled = [
        i
        for i, node in enumerate(graph.nodes)
        if isinstance(node.op, Conv2d) and node.op.activation == "relu"
    ]
    assert len(scaled) == 6
    for position in scaled:
        alive = before[position] * LARGEST_FACTOR > before[position].max()
        assert before[position][alive].min() < 0.7 * before[position].max()
        np.testing.assert_allclose(after[position][alive], before[position].max(), rtol=1e-3)


def test_channels_of_a_concat_get_one_peak() -> None:
    graph = zoo_entry("XCAT").build()
    weights = uneven(graph)
    before = peaks_of(graph, weights)
    after = peaks_of(graph, equalized(graph, weights))
    for position, node in enumerate(graph.nodes):
        if type(node.op).__name__ == "Concat":
            goal = after[position].max()
            alive = before[position] * LARGEST_FACTOR > goal
            assert alive.sum() > 20
            np.testing.assert_allclose(after[position][alive], goal, rtol=1e-3)
            assert (before[position] > 0.9 * before[position].max()).mean() < 0.5


def test_what_is_added_or_comes_out_is_not_scaled() -> None:
    graph = zoo_entry("ABPN").build()
    weights = uneven(graph)
    before, after = (run(graph, w) for w in (weights, equalized(graph, weights)))
    added = next(i for i, node in enumerate(graph.nodes) if type(node.op).__name__ == "Add")
    for position in (*graph.nodes[added].inputs, added):
        torch.testing.assert_close(after[position], before[position], rtol=1e-4, atol=1e-4)


def test_dead_channel_is_scaled_within_bounds() -> None:
    g = GraphBuilder(channels=3)
    graph = g.graph(g.chain(g.input, Conv2d(4, activation="relu"), Conv2d(3)))
    weights = random_weights(graph, seed=0)
    weights["1/kernel"][..., 2] = 0
    weights["1/bias"][2] = -1
    found = equalized(graph, weights)
    assert found["1/bias"][2] == -LARGEST_FACTOR
    np.testing.assert_allclose(
        found["2/kernel"][:, :, 2], weights["2/kernel"][:, :, 2] / LARGEST_FACTOR
    )


def test_given_weights_are_left_alone() -> None:
    graph = zoo_entry("XCAT").build()
    weights = uneven(graph)
    copy = {name: array.copy() for name, array in weights.items()}
    equalized(graph, weights)
    assert all(np.array_equal(weights[name], copy[name]) for name in copy)


def test_leaky_rectifiers_pass_the_factor_on_to_what_reads_them() -> None:
    graph = zoo_entry("FSRCNN-RGBx3").build()  # PReLU everywhere, a transposed convolution last
    weights = uneven(graph)
    before = peaks_of(graph, weights)
    after = extremes_of(graph, equalized(graph, weights))
    convs = [i for i, node in enumerate(graph.nodes) if isinstance(node.op, Conv2d)]
    assert len(convs) > 6
    for position in convs:
        low, high = after.low[position], after.high[position]
        filled = np.maximum(low / low.min(), high / high.max())
        alive = before[position] * LARGEST_FACTOR > before[position].max()
        np.testing.assert_allclose(filled[alive], 1, rtol=1e-3)
        assert max(-low.min(), high.max()) == pytest.approx(before[position].max(), rel=1e-3)


def linear_chain(*between: Op) -> tuple[Graph, dict[str, Array]]:
    """From an image that is 0 or 1 come 0..1, -2..0 and -0.5..1, all read alike."""
    g = GraphBuilder(channels=2)
    graph = g.graph(g.chain(g.input, Conv2d(3, kernel=1), *between, Conv2d(1, kernel=1)))
    weights = random_weights(graph, seed=0)
    last = len(graph.nodes) - 1
    weights["1/kernel"] = np.array([[[[1, -2, 1], [0, 0, -0.5]]]], np.float32)
    weights["1/bias"] = np.zeros(3, np.float32)
    weights[f"{last}/kernel"] = np.ones((1, 1, 3, 1), np.float32)
    return graph, weights


def seen_on_corners(graph: Graph, weights: Weights) -> Extremes:
    corners = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])[:, :, None, None]
    return observe(graph, weights, corners)[0]


def test_linear_channels_are_turned_to_the_side_that_most_are_on() -> None:
    """By hand: the second is turned, so the range is -2a..2 and the first two fill it.

    The third grows min(2, 4a) times. Rounding disturbs the reader by (1 + a)^2 (1/4 + 1 + 1/k^2):
    3.52 at a = 8/32, 3.20 at 12/32, 3.38 at 16/32, and 12/32 is the least of all 32nds.
    """
    graph, weights = linear_chain()
    factors = channel_factors(graph, weights, seen_on_corners(graph, weights))
    np.testing.assert_allclose(factors[1], [2, -1, 1.5])
    scaled = seen_on_corners(graph, rescale(graph, weights, factors))
    np.testing.assert_allclose(scaled.high[1], [2, 2, 1.5])
    np.testing.assert_allclose(scaled.low[1], [0, 0, -0.75])


@pytest.mark.parametrize("rectifier", [LeakyRelu(0.1), Relu()], ids=lambda op: type(op).__name__)
def test_what_is_rectified_is_not_turned(rectifier: Op) -> None:
    graph, weights = linear_chain(rectifier)
    factors = channel_factors(graph, weights, seen_on_corners(graph, weights))
    assert (factors[1] > 0).all()


def test_range_fits_what_is_read_most() -> None:
    """The half that the third channel has below zero is worth more codes the more it is read."""
    graph, weights = linear_chain()
    sizes = []
    for read in (0.1, 1, 10):
        weights["2/kernel"][0, 0, 2, 0] = read
        factors = channel_factors(graph, weights, seen_on_corners(graph, weights))
        sizes.append(factors[1][2])
    assert sizes[0] < sizes[1] < sizes[2] == pytest.approx(2)


def test_limit_of_a_factor_may_be_lower() -> None:
    graph = zoo_entry("ABPN").build()
    weights = uneven(graph)
    found = channel_factors(graph, weights, extremes_of(graph, weights), largest=1.5)
    every = np.concatenate(list(found.values()))
    assert every.min() == pytest.approx(1.0)  # the largest channel stays
    assert every.max() == pytest.approx(1.5)
