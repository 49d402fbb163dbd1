"""What each op computes in torch, against numbers written by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given

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
    Relu,
    Repeat,
    Slice,
)
from nas.readers.to_torch import to_torch
from nas.readers.weights import random_weights
from tests.strategies import graphs


def chain(*ops: Op, channels: int = 3) -> Graph:
    g = GraphBuilder(channels)
    return g.graph(g.chain(g.input, *ops))


def channels_of(graph: Graph, *pixel: float) -> list[float]:
    """Channels that a network without weights makes of one pixel."""
    x = torch.tensor(pixel)[None, :, None, None]
    found: list[float] = to_torch(graph)(x)[0, :, 0, 0].tolist()
    return found


@pytest.mark.parametrize(
    ("op", "found"),
    [
        (Repeat(2), [1, -2, 3, 1, -2, 3]),
        (NearestConv2d(2), [1, -2, 3] * 4),
        (Slice(1, 2), [-2, 3]),
        (Relu(), [1, 0, 3]),
        (Clip(), [1, 0, 1]),
        (Clip(-1.5, 2.5), [1, -1.5, 2.5]),
    ],
    ids=str,
)
def test_op_on_one_pixel(op: Op, found: list[float]) -> None:
    assert channels_of(chain(op), 1, -2, 3) == found


def test_concat_and_add_on_one_pixel() -> None:
    g = GraphBuilder(channels=2)
    doubled = g.append(Add(), g.input, g.input)
    assert channels_of(g.graph(g.append(Concat(), doubled, g.input)), 1, 5) == [2, 10, 1, 5]


def test_depth_to_space_reads_row_column_colour() -> None:
    #          row 0, column 0  | row 0, column 1  | row 1, column 0  | row 1, column 1
    pixel = [*(10, 11), *(20, 21), *(30, 31), *(40, 41)]  # two colours each
    x = torch.tensor(pixel, dtype=torch.float32)[None, :, None, None]
    y = to_torch(chain(DepthToSpace(2), channels=8))(x)
    assert y[0, 0].tolist() == [[10, 20], [30, 40]]
    assert y[0, 1].tolist() == [[11, 21], [31, 41]]


@pytest.mark.parametrize("copies", [NearestConv2d(3), Repeat(9)], ids=str)
def test_copies_and_depth_to_space_are_nearest_upsampling(copies: Op) -> None:
    image = np.random.default_rng(0).random((1, 3, 4, 5), np.float32)
    y = to_torch(chain(copies, DepthToSpace(3)))(torch.from_numpy(image)).numpy()
    np.testing.assert_array_equal(y, image.repeat(3, axis=2).repeat(3, axis=3))


def test_conv_pads_with_zeros_and_correlates() -> None:
    graph = chain(Conv2d(1), channels=1)
    kernel = np.zeros((3, 3, 1, 1), np.float32)
    kernel[0, 1] = 1  # looks one row up
    kernel[1, 2] = 10  # looks one column right
    module = to_torch(graph, {"1/kernel": kernel, "1/bias": np.array([100], np.float32)})
    y = module(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]))
    assert y[0, 0].tolist() == [[100 + 0 + 20, 100 + 0 + 0], [100 + 1 + 40, 100 + 2 + 0]]


def test_conv_rectifies_after_its_bias() -> None:
    graph = chain(Conv2d(2, kernel=1, activation="relu"), channels=1)
    weights = {
        "1/kernel": np.array([1, 1], np.float32).reshape(1, 1, 1, 2),
        "1/bias": np.array([-3, 3], np.float32),
    }
    y = to_torch(graph, weights)(torch.full((1, 1, 1, 1), 2.0))
    assert y.flatten().tolist() == [0, 5]


@given(graph=graphs())
def test_module_makes_the_shapes_that_the_graph_says(graph: Graph) -> None:
    module = to_torch(graph, random_weights(graph, seed=0))
    outputs = module.run(torch.rand(2, graph.channels, 4, 6), range(len(graph.nodes)))
    for y, shape in zip(outputs, graph.shapes(4, 6), strict=True):
        assert tuple(y.shape) == (2, shape.channels, shape.height, shape.width)
    assert module(torch.rand(1, graph.channels, 4, 6)).shape[1] == outputs[-1].shape[1]


def test_module_without_weights_starts_at_zero() -> None:
    module = to_torch(chain(Conv2d(4)))
    assert not any(parameter.any() for parameter in module.parameters())
