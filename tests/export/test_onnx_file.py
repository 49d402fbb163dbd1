"""The INT8 ONNX file, run by onnxruntime, is the simulated network and the TensorFlow Lite file."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given

from nas.data.images import Pair
from nas.data.metrics import psnr_db
from nas.errors import IllegalError, UserError
from nas.export.onnx_file import write_onnx, write_onnx_int8
from nas.graph import Clip, Concat, Conv2d, Graph, GraphBuilder, LeakyRelu, Prelu
from nas.quantize.calibration import calibrate
from nas.quantize.convert import to_tflite
from nas.quantize.litert import run_tflite
from nas.quantize.refit import quantize
from nas.quantize.scheme import Grid, grids, regrids
from nas.quantize.simulate import Simulation, quantize_kernel
from nas.readers.onnx_writer import Layout
from nas.readers.to_torch import image_tensor, in_uint8, to_torch
from nas.readers.weights import Array, kernel_to_torch, random_weights
from nas.train.start import identity_start
from nas.zoo import ENTRIES, mobile_x3_names, zoo_graph
from tests.networks import sensible_weights, smooth_images
from tests.onnx_runtime import run_onnx
from tests.strategies import graphs

DISTINCT = {ENTRIES[name].build().deployed.digest: name for name in reversed(mobile_x3_names())}
SIMULATED = (  # concats and slices, groups, gates, transposed and leaky, copies, plain
    *("XCAT", "XLSR", "mju_gogogo-EDSRatt", "FSRCNN-RGBx3", "GenMedia-x9concat", "ABPN"),
)
HEIGHT, WIDTH = 48, 64
IMAGES = smooth_images(2, HEIGHT, WIDTH)


def spread(graph: Graph) -> tuple[Grid, ...]:
    """Some grid of each node."""
    return grids(graph, dict.fromkeys(range(len(graph.nodes)), (-1.0, 3.0)))


def output_codes(simulated: torch.Tensor, grid: Grid) -> np.ndarray:
    """As uint8 (n, c, h, w) whatever the grid."""
    codes = (simulated / grid.scale).round() + grid.zero_point + 128
    return codes.to(torch.uint8).numpy()


def run_in(layout: Layout, file: Path, images: np.ndarray) -> np.ndarray:
    """Images (n, h, w, c) -> the same, by a file of any layout."""
    if layout == "nhwc":
        return run_onnx(file, images)
    return run_onnx(file, images.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)


@pytest.mark.parametrize("name", SIMULATED)
def test_int8_file_agrees_with_the_simulation(name: str, tmp_path: Path) -> None:
    graph = zoo_graph(name)
    weights = sensible_weights(graph)
    grid = calibrate(graph, weights, image_tensor(IMAGES))
    file = tmp_path / "model.onnx"
    write_onnx_int8(graph, weights, grid, file, layout="nhwc")
    found = run_onnx(file, IMAGES)
    simulated = in_uint8(Simulation(graph, weights, grid)(image_tensor(IMAGES)))
    assert found.std() > 15  # not all black or white
    # Beside a truth from which the float network is 35 dB away, as trained ones are:
    with torch.no_grad():
        exact = to_torch(graph, weights)(image_tensor(IMAGES)).permute(0, 2, 3, 1).numpy() * 255
    noise = np.random.default_rng(0).normal(0, 255 * 10 ** (-35 / 20), exact.shape)
    truth = (exact + noise).clip(0, 255).round().astype(np.uint8)
    assert abs(psnr_db(found, truth) - psnr_db(simulated, truth)) <= 0.05
    assert psnr_db(found, simulated) > 45


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("name", ["XCAT", "XLSR", "ABPN"])
def test_int8_file_is_as_good_as_the_tflite_file(
    name: str, layout: Layout, leaves: tuple[Pair, ...], tmp_path: Path
) -> None:
    graph = zoo_graph(name)
    lr, hr = (np.stack([getattr(pair, end) for pair in leaves]) for end in ("lr", "hr"))
    trained = identity_start(graph, seed=0, gain=0.7)
    weights, grid = quantize(graph, trained, image_tensor(lr[:4]))
    height, width = lr.shape[1:3]
    size = {"height": height, "width": width}
    file = tmp_path / "model.onnx"
    write_onnx_int8(graph, weights, grid, file, layout=layout, **size)
    found = np.concatenate([run_in(layout, file, image[None]) for image in lr])
    simulated = in_uint8(Simulation(graph, weights, grid)(image_tensor(lr)))
    converted = run_tflite(to_tflite(graph, weights, grid, **size), lr)
    assert psnr_db(found, hr, shave=3) > 20
    for other in (simulated, converted):
        assert abs(psnr_db(found, hr, shave=3) - psnr_db(other, hr, shave=3)) <= 0.05
        assert (np.abs(found.astype(int) - other) <= 1).mean() > 0.995


@given(graph=graphs(int8=True))
def test_int8_file_agrees_with_the_simulation_on_graphs_of_any_shape(
    graph: Graph, tmp_path_factory: pytest.TempPathFactory
) -> None:
    weights = random_weights(graph, seed=0)
    images = np.random.default_rng(0).integers(0, 256, (2, 6, 6, graph.channels), np.uint8)
    grid = calibrate(graph, weights, image_tensor(images))
    file = tmp_path_factory.getbasetemp() / "model.onnx"
    write_onnx_int8(graph, weights, grid, file)
    found = run_onnx(file, images.transpose(0, 3, 1, 2))
    expected = output_codes(Simulation(graph, weights, grid)(image_tensor(images)), grid[-1])
    difference = np.abs(found.astype(int) - expected)
    leaky = any(isinstance(node.op, LeakyRelu) for node in graph.nodes)
    if leaky or regrids(graph, grid):  # which LiteRT rounds twice
        assert difference.mean() < 1
    else:
        assert (difference > 1).mean() < 0.001


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("name", sorted(set(DISTINCT.values()) - {"EDSR-x3"}))
def test_every_published_network_has_a_valid_int8_file(
    name: str, layout: Layout, tmp_path: Path
) -> None:
    graph = zoo_graph(name)
    file = tmp_path / "model.onnx"
    weights = random_weights(graph, seed=0)
    write_onnx_int8(graph, weights, spread(graph), file, height=24, width=36, layout=layout)
    model = onnx.load(file)
    onnx.checker.check_model(model, full_check=True)
    assert {node.domain for node in model.graph.node} == {""}
    kinds = (np.int8, np.uint8, np.int32)
    for end in (model.graph.input[0], model.graph.output[0]):
        assert end.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    for tensor in tensors(model).values():
        assert tensor.dtype in kinds or tensor.size == 1 or tensor.ndim == 1  # a scale, a limit


def tensors(model: Any) -> dict[str, np.ndarray]:
    return {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}


def small() -> tuple[Graph, dict[str, Array], tuple[Grid, ...]]:
    """The image, put onto the wider grid of a convolution, and a leaky rectifier with slopes."""
    g = GraphBuilder(channels=3)
    x = g.append(Concat(), g.append(Conv2d(4, groups=1), g.input), g.input)
    graph = g.graph(g.chain(x, Prelu(), Conv2d(3, kernel=1)))
    weights = random_weights(graph, seed=0)
    return graph, weights, calibrate(graph, weights, image_tensor(IMAGES))


def test_grids_and_weights_are_those_of_the_simulation(tmp_path: Path) -> None:
    graph, weights, grid = small()
    file = tmp_path / "model.onnx"
    write_onnx_int8(graph, weights, grid, file)
    found = tensors(onnx.load(file))
    for position, stem in ((1, "conv_1"), (2, "concat_2"), (3, "prelu_3"), (4, "conv_4")):
        assert found[f"{stem}_scale"] == np.float32(grid[position].scale)
        assert found[f"{stem}_zero_point"] == grid[position].zero_point + 128
    assert found["input_0_scale"] == np.float32(1 / 255)
    assert found["input_0_zero_point"] == 0
    simulation = Simulation(graph, weights, grid)
    for position in (1, 4):
        codes, scale = quantize_kernel(
            torch.from_numpy(kernel_to_torch(weights[f"{position}/kernel"]))
        )
        np.testing.assert_array_equal(found[f"{position}/kernel_codes"], codes)
        np.testing.assert_array_equal(found[f"{position}/kernel_step"], scale.float())
        bias = simulation.codes.biases[str(position)].detach()
        np.testing.assert_array_equal(found[f"{position}/bias_codes"], bias)
        assert found[f"{position}/bias_codes"].dtype == np.int32


def test_image_that_joins_another_grid_is_rounded_once_more(tmp_path: Path) -> None:
    graph, weights, grid = small()
    assert grid[2] != grid[0]
    file = tmp_path / "model.onnx"
    write_onnx_int8(graph, weights, grid, file)
    model = onnx.load(file)
    kinds = [node.op_type for node in model.graph.node if "_for_2" in node.name]
    assert kinds == ["QuantizeLinear", "DequantizeLinear"]
    assert tensors(model)["input_0_real_for_2_scale"] == np.float32(grid[2].scale)


def test_bias_beyond_int32_gets_a_coarser_kernel(tmp_path: Path) -> None:
    g = GraphBuilder(channels=3)
    graph = g.graph(g.chain(g.input, Conv2d(3, kernel=1)))
    kernel = np.zeros((1, 1, 3, 3), np.float32)
    kernel[0, 0, 0, 1] = 0.5  # channels 0 and 2 write their bias alone
    bias = np.array([0.25, 0.25, 0.75], np.float32)
    weights = {"1/kernel": kernel, "1/bias": bias}
    grid = calibrate(graph, weights, image_tensor(IMAGES))
    file = tmp_path / "model.onnx"
    write_onnx_int8(graph, weights, grid, file, layout="nhwc")
    found = run_onnx(file, IMAGES)
    expected = in_uint8(Simulation(graph, weights, grid)(image_tensor(IMAGES)))
    np.testing.assert_array_equal(found, expected)
    assert set(np.unique(found[..., 0])) == {64}  # 0.25 * 255
    assert set(np.unique(found[..., 2])) == {191}


def test_fewer_bits_of_a_kernel_are_heard(tmp_path: Path) -> None:
    g = GraphBuilder(channels=3)
    graph = g.graph(g.chain(g.input, Conv2d(8, bits=2), Clip(), Conv2d(3)))
    file = tmp_path / "model.onnx"
    write_onnx_int8(graph, random_weights(graph, seed=0), spread(graph), file)
    found = tensors(onnx.load(file))
    assert set(np.unique(found["1/kernel_codes"])) == {-127, 0, 127}
    assert len(np.unique(found["3/kernel_codes"])) > 15


def test_sixteen_bits_are_refused(tmp_path: Path) -> None:
    graph, weights, _ = small()
    grid = calibrate(graph, weights, image_tensor(IMAGES), bits=16)
    with pytest.raises(IllegalError) as caught:
        write_onnx_int8(graph, weights, grid, tmp_path / "model.onnx")
    assert str(caught.value) == (
        f"an ONNX file of {graph.digest} cannot hold activations of 16 bits"
    )
    assert list(tmp_path.iterdir()) == []


def test_float_file_agrees_with_torch(tmp_path: Path) -> None:
    graph = zoo_graph("XCAT")
    weights = sensible_weights(graph)
    file = tmp_path / "model.onnx"
    write_onnx(graph, weights, file, height=HEIGHT, width=WIDTH, layout="nhwc")
    found = run_onnx(file, IMAGES[:1].astype(np.float32) / 255)
    with torch.no_grad():
        expected = to_torch(graph, weights)(image_tensor(IMAGES[:1])).permute(0, 2, 3, 1)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_same_network_is_the_same_file(tmp_path: Path) -> None:
    graph, weights, grid = small()
    for name in ("a", "b"):
        write_onnx_int8(graph, weights, grid, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_without_onnx_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    graph, weights, grid = small()
    for write in (write_onnx, lambda g, w, file: write_onnx_int8(g, w, grid, file)):
        with pytest.raises(UserError) as caught:
            write(graph, weights, tmp_path / "model.onnx")
        assert str(caught.value) == (
            'an ONNX file needs the package onnx (install it: pip install "nas[onnx]")'
        )
    assert list(tmp_path.iterdir()) == []
