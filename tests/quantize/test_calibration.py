"""Ranges from images of any sizes, joined where tensors share a grid."""

import numpy as np
import pytest
import torch
from hypothesis import given
from torch import Tensor

from nas.graph import Concat, Conv2d, Graph, GraphBuilder
from nas.quantize.calibration import MINMAX, Calibration, calibrate, histograms, observe
from nas.quantize.equalize import channel_factors, rescale
from nas.quantize.scheme import IMAGE_GRID, grid_of, read_scheme
from nas.readers.to_torch import to_torch
from nas.readers.weights import Array, random_weights
from nas.zoo import zoo_entry
from tests.strategies import graphs

KINDS = ("percentile", "mse", "entropy")


def images(*sizes: tuple[int, int]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(1, 3, *size, generator=generator) for size in sizes]


def joined_scales(*factors: float) -> tuple[Graph, dict[str, Array]]:
    """One grey image times each factor, joined."""
    g = GraphBuilder(channels=1)
    parts = [g.append(Conv2d(1 + i, kernel=1), g.input) for i in range(len(factors))]
    graph = g.graph(g.append(Conv2d(1, kernel=1), g.append(Concat(), *parts)))
    weights = random_weights(graph, seed=0)
    for position, node in enumerate(graph.nodes[:-1]):
        if isinstance(node.op, Conv2d):
            weights[f"{position}/kernel"][:] = factors[node.op.features - 1]
            weights[f"{position}/bias"][:] = 0
    return graph, weights


@given(graph=graphs(int8=True))
def test_batches_of_other_sizes_add_up(graph: Graph) -> None:
    weights = random_weights(graph, seed=0)
    generator = torch.Generator().manual_seed(0)
    shapes = [(2, graph.channels, 6, 8), (1, graph.channels, 8, 6)]
    batches = [torch.rand(shape, generator=generator) for shape in shapes]
    extremes, _ = observe(graph, weights, batches)
    module = to_torch(graph, weights)
    with torch.no_grad():
        seen = [module.run(x, range(len(graph.nodes))) for x in batches]
    for position in range(len(graph.nodes)):
        low = min(float(outputs[position].min()) for outputs in seen)
        high = max(float(outputs[position].max()) for outputs in seen)
        assert extremes.ranges()[position] == (low, high)


def test_what_is_kept_is_the_output_on_each_batch() -> None:
    graph = zoo_entry("XCAT").build()
    weights = random_weights(graph, seed=0)
    batches = images((6, 8), (9, 5))
    _, kept = observe(graph, weights, batches, keep=[4])
    for batch, found in zip(batches, kept, strict=True):
        assert list(found) == [4]
        assert torch.equal(found[4], to_torch(graph, weights).run(batch, range(5))[-1])


def test_extremes_of_scaled_channels_need_no_second_run() -> None:
    graph = zoo_entry("XLSR").build()
    weights = random_weights(graph, seed=0)
    batch = images((12, 16))
    extremes, _ = observe(graph, weights, batch)
    factors = channel_factors(graph, weights, extremes)
    again, _ = observe(graph, rescale(graph, weights, factors), batch)
    scaled = extremes.scaled(factors)
    assert factors
    for position in range(len(graph.nodes)):
        for one, other in ((scaled.low, again.low), (scaled.high, again.high)):
            np.testing.assert_allclose(one[position], other[position], rtol=1e-3, atol=1e-4)


def test_least_and_greatest_value_make_the_grid() -> None:
    graph, weights = joined_scales(2.0, -1.0)
    batch = torch.tensor([0.0, 0.25, 1.0]).reshape(1, 1, 1, 3)
    found = calibrate(graph, weights, batch)
    assert found[0] == found[-1] == IMAGE_GRID
    assert found[1] == found[2] == found[3] == grid_of(-1.0, 2.0)


@pytest.mark.parametrize("kind", KINDS)
def test_parts_of_a_concat_are_clipped_together(kind: str) -> None:
    graph, weights = joined_scales(1.0, 40.0)
    rows = torch.linspace(0, 1, 200) ** 6  # few values are large
    found = calibrate(graph, weights, rows.reshape(1, 1, 10, 20), Calibration(kind, 95.0))  # type: ignore[arg-type]
    group = read_scheme(graph).group
    joined = next(i for i, node in enumerate(graph.nodes) if isinstance(node.op, Concat))
    members = [i for i, index in enumerate(group) if index == group[joined]]
    assert len(members) == 3
    assert len({found[i] for i in members}) == 1
    assert 2 < found[joined].high <= 40.5  # what the large part needs, not the small one


def test_each_value_counts_where_it_is_used() -> None:
    graph, weights = joined_scales(1.0, 2.0)
    batch = torch.linspace(0.1, 1, 60).reshape(1, 1, 6, 10)
    found = histograms(graph, weights, batch, observe(graph, weights, batch)[0].ranges())
    group = read_scheme(graph).group
    joined = next(i for i, node in enumerate(graph.nodes) if isinstance(node.op, Concat))
    assert found[group[joined]].counts.sum() == 60 * 3  # once, not again as parts of the concat
    assert found[0].counts.sum() == 60


@pytest.mark.parametrize("kind", KINDS)
def test_clipped_ranges_lie_within_the_whole_ones(kind: str) -> None:
    graph = zoo_entry("XLSR").build()
    weights = random_weights(graph, seed=0)
    batches = images((20, 24), (24, 20))
    whole = calibrate(graph, weights, batches, MINMAX)
    clipped = calibrate(graph, weights, batches, Calibration(kind, 99.0))  # type: ignore[arg-type]
    slack = 1.01  # zero points are whole numbers
    for one, other in zip(clipped, whole, strict=True):
        assert one.high - one.low <= (other.high - other.low) * slack
    assert any(one.high < 0.98 * other.high for one, other in zip(clipped, whole, strict=True))


def test_sixteen_bits_are_symmetric_and_never_clipped() -> None:
    graph, weights = joined_scales(2.0, -1.0)
    batch = torch.tensor([0.0, 0.25, 1.0]).reshape(1, 1, 1, 3)
    found = calibrate(graph, weights, batch, Calibration("percentile", 50.0), bits=16)
    assert {grid.bits for grid in found} == {16}
    assert {grid.zero_point for grid in found} == {0}
    assert found[1].scale == pytest.approx(2 / 32767, rel=1e-6)
    assert found[0].scale == pytest.approx(1 / 32767, rel=1e-6)
