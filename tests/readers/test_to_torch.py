"""What each op computes in torch, against numbers written by hand."""

import math
from collections.abc import Callable

import numpy as np
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
from nas.readers.to_torch import to_torch
from nas.readers.weights import random_weights
from tests.strategies import graphs


def chain(*ops: Op, channels: int = 3) -> Graph:
    g = GraphBuilder(channels)
    return g.graph(g.chain(g.input, *ops))


def channels_of(graph: Graph, *pixel: float) -> list[float]:
    """Channels that a network without weights makes of one pixel."""
    x = torch.tensor(pixel, dtype=torch.float32)[None, :, None, None]
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
        (LeakyRelu(0.25), [1, -2 * 0.25, 3]),
        (GlobalAveragePool(), [1, -2, 3]),
        (ResizeBicubic(1), [1, -2, 3]),
    ],
    ids=str,
)
def test_op_on_one_pixel(op: Op, found: list[float]) -> None:
    assert channels_of(chain(op), 1, -2, 3) == found


def test_ops_of_two_inputs_on_one_pixel() -> None:
    g = GraphBuilder(channels=2)
    doubled = g.append(Add(), g.input, g.input)
    squared = g.append(Multiply(), doubled, g.input)
    graph = g.graph(g.append(Concat(), doubled, squared, g.input))
    assert channels_of(graph, 1, 5) == [2, 10, 2, 50, 1, 5]


@pytest.mark.parametrize(
    ("op", "function"),
    [
        (Tanh(), lambda v: math.sinh(v) / math.cosh(v)),
        (Sigmoid(), lambda v: 1 / (1 + math.exp(-v))),
    ],
    ids=["tanh", "sigmoid"],
)
def test_curves(op: Op, function: Callable[[float], float]) -> None:
    found = channels_of(chain(op), 0, 0.5, -3)
    assert found == pytest.approx([function(0), function(0.5), function(-3)], abs=1e-6)


def test_gate_of_means_scales_each_channel() -> None:
    g = GraphBuilder(channels=2)
    graph = g.graph(g.append(Multiply(), g.append(GlobalAveragePool(), g.input), g.input))
    y = to_torch(graph)(torch.tensor([[[[1.0, 3.0]], [[10.0, 50.0]]]]))
    assert y.tolist() == [[[[1 * 2, 3 * 2]], [[10 * 30, 50 * 30]]]]


def test_prelu_has_a_slope_for_each_channel_or_one_for_all() -> None:
    x = torch.tensor([-4.0, 5.0, -6.0])[None, :, None, None]
    own = to_torch(chain(Prelu()), {"1/slope": np.array([0.5, 9, -1], np.float32)})
    shared = to_torch(chain(Prelu(shared=True)), {"1/slope": np.array([0.5], np.float32)})
    assert own(x).flatten().tolist() == [-4 * 0.5, 5, -6 * -1]
    assert shared(x).flatten().tolist() == [-4 * 0.5, 5, -6 * 0.5]


NORM = {
    "1/gamma": np.array([2, 3], np.float32),
    "1/beta": np.array([10, 20], np.float32),
    "1/mean": np.array([1, -1], np.float32),
    "1/variance": np.array([4, 0.25], np.float32),
}


def test_batch_norm_is_its_formula() -> None:
    module = to_torch(chain(BatchNorm(), channels=2), NORM)
    y = module(torch.tensor([7.0, -2.0])[None, :, None, None]).flatten().tolist()
    expected = [
        2 * (7 - 1) / math.sqrt(4 + 1e-5) + 10,
        3 * (-2 + 1) / math.sqrt(0.25 + 1e-5) + 20,
    ]
    assert y == pytest.approx(expected, abs=1e-5)


def test_batch_norm_sees_the_batch_in_training_and_remembers_it() -> None:
    module = to_torch(chain(BatchNorm(), channels=2), NORM).train()
    y = module(torch.tensor([[3.0, 6.0], [5.0, 6.0]])[:, :, None, None])
    # channel 0: mean 4, variance 1 around it, 2 as an estimate; channel 1 is constant
    step = 2 / math.sqrt(1 + 1e-5)
    assert y[:, 0].flatten().tolist() == pytest.approx([10 - step, 10 + step], abs=1e-5)
    assert y[:, 1].flatten().tolist() == pytest.approx([20, 20], abs=1e-3)
    seen = module.weights()
    assert seen["1/mean"].tolist() == pytest.approx([0.9 * 1 + 0.1 * 4, 0.9 * -1 + 0.1 * 6])
    assert seen["1/variance"].tolist() == pytest.approx([0.9 * 4 + 0.1 * 2, 0.9 * 0.25])


def test_statistics_are_not_trained() -> None:
    module = to_torch(chain(BatchNorm(), Prelu(), TransposedConv2d(1, 2, 2)))
    trained = {name for name, p in module.named_parameters() if p.requires_grad}
    assert {name for name, _ in module.named_parameters()} - trained == {
        "others.mean.1",
        "others.variance.1",
    }


def test_depth_to_space_reads_row_column_colour() -> None:
    #          row 0, column 0  | row 0, column 1  | row 1, column 0  | row 1, column 1
    pixel = [*(10, 11), *(20, 21), *(30, 31), *(40, 41)]  # two colours each
    x = torch.tensor(pixel, dtype=torch.float32)[None, :, None, None]
    y = to_torch(chain(DepthToSpace(2), channels=8))(x)
    assert y[0, 0].tolist() == [[10, 20], [30, 40]]
    assert y[0, 1].tolist() == [[11, 21], [31, 41]]


@pytest.mark.parametrize("block", [2, 3])
def test_space_to_depth_is_the_inverse_of_depth_to_space(block: int) -> None:
    x = torch.rand(2, 3, 2 * block, 4 * block)
    assert torch.equal(to_torch(chain(SpaceToDepth(block), DepthToSpace(block)))(x), x)


def test_space_to_depth_writes_row_column_colour() -> None:
    x = torch.tensor([[[[10.0, 20], [30, 40]], [[11, 21], [31, 41]]]])  # two colours of 2x2 pixels
    y = to_torch(chain(SpaceToDepth(2), channels=2))(x)
    assert y.flatten().tolist() == [*(10, 11), *(20, 21), *(30, 31), *(40, 41)]


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_nearest_resize_copies_pixels(factor: int) -> None:
    image = np.random.default_rng(0).random((1, 3, 4, 5), np.float32)
    y = to_torch(chain(ResizeNearest(factor)))(torch.from_numpy(image)).numpy()
    np.testing.assert_array_equal(y, image.repeat(factor, axis=2).repeat(factor, axis=3))


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_bicubic_resize_reproduces_a_ramp_inside(factor: int) -> None:
    rows, columns = torch.arange(8.0)[:, None], torch.arange(9.0)
    y = to_torch(chain(ResizeBicubic(factor), channels=1))((5 * rows + 2 * columns)[None, None])
    row, column = (
        (torch.arange(size * factor) + 0.5) / factor - 0.5 for size in (len(rows), len(columns))
    )
    expected = 5 * row[:, None] + 2 * column
    inside = slice(2 * factor, -2 * factor)
    # a phase is rounded to 1/1024 of a pixel
    tolerance = (5 + 2) / 2048 + 1e-4
    torch.testing.assert_close(
        y[0, 0, inside, inside], expected[inside, inside], rtol=0, atol=tolerance
    )


def test_bicubic_resize_weighs_four_taps_and_only_those_that_are_there() -> None:
    x = torch.zeros(1, 1, 1, 7)
    x[..., 3] = 1
    y = to_torch(chain(ResizeBicubic(2), channels=1))(x)[0, 0, 0]

    # pixels 0.25, 0.75, 1.25 and 1.75 away, by Keys' two cubics with a = -0.5
    def near(d: float) -> float:
        return 1.5 * d**3 - 2.5 * d**2 + 1

    def far(d: float) -> float:
        return -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2

    taps = [far(1.75), far(1.25), near(0.75), near(0.25)]
    assert y[3:11].tolist() == pytest.approx([*taps, *reversed(taps)], abs=1e-6)
    border = torch.zeros(1, 1, 1, 7)
    border[..., 0] = 1  # seen from -0.25 and 0.25: what lies left of it counts nothing
    y = to_torch(chain(ResizeBicubic(2), channels=1))(border)[0, 0, 0]
    assert y[:2].tolist() == pytest.approx(
        [
            near(0.25) / (near(0.25) + far(1.25)),
            near(0.25) / (near(0.25) + near(0.75) + far(1.75)),
        ],
        abs=1e-6,
    )


def test_resized_constant_is_that_constant_up_to_the_border() -> None:
    y = to_torch(chain(ResizeBicubic(3)))(torch.full((1, 3, 2, 5), 0.7))
    torch.testing.assert_close(y, torch.full((1, 3, 6, 15), 0.7), rtol=0, atol=1e-6)


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


@pytest.mark.parametrize(("size", "first"), [(5, 0), (6, 1)])
def test_strided_conv_looks_at_the_pixels_that_tensorflow_takes(size: int, first: int) -> None:
    # "same" adds (3 - 1) * 2 + 3 - size pixels: 2 to a size of 5, one each side; 1 to 6, at the end
    kernel = np.zeros((3, 3, 1, 1), np.float32)
    kernel[1, 1] = 1  # its centre
    module = to_torch(chain(Conv2d(1, bias=False, stride=2), channels=1), {"1/kernel": kernel})
    x = torch.arange(size * size).reshape(1, 1, size, size).float()
    assert torch.equal(module(x), x[:, :, first::2, first::2])


def test_transposed_conv_is_zeros_between_pixels_and_a_conv() -> None:
    kernel = np.random.default_rng(0).random((5, 5, 2, 3), np.float32)  # of 3 channels, makes 2
    bias = np.array([10, 20], np.float32)
    graph = chain(TransposedConv2d(2, 5, 3))
    x = torch.rand(1, 3, 4, 6)
    stuffed = torch.zeros(1, 3, 4 * 3, 6 * 3)
    stuffed[:, :, 1::3, 1::3] = x  # a pixel stands in the middle of the three it becomes
    mirrored = np.ascontiguousarray(kernel[::-1, ::-1].swapaxes(2, 3))
    expected = to_torch(chain(Conv2d(2, kernel=5)), {"1/kernel": mirrored, "1/bias": bias})(stuffed)
    found = to_torch(graph, {"1/kernel": kernel, "1/bias": bias})(x)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_transposed_conv_with_a_kernel_of_its_stride_stamps_the_kernel() -> None:
    kernel = np.array([[1, 2], [3, 4]], np.float32)[:, :, None, None]
    bias = np.zeros(1, np.float32)
    graph = chain(TransposedConv2d(1, 2, 2), channels=1)
    y = to_torch(graph, {"1/kernel": kernel, "1/bias": bias})(torch.tensor([[[[1.0, 10.0]]]]))
    assert y[0, 0].tolist() == [[1, 2, 10, 20], [3, 4, 30, 40]]


def test_train_time_form_is_not_seen() -> None:
    plain, formed = (chain(Conv2d(4, form=form)) for form in ("plain", "ecb"))
    weights, x = random_weights(plain, seed=0), torch.rand(1, 3, 4, 6)
    assert torch.equal(to_torch(plain, weights)(x), to_torch(formed, weights)(x))


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
