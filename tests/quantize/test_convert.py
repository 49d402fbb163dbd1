"""The converted file is all integer, and computes what the simulation says it would."""

import random
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter

from nas.data.dead_leaves import dead_leaves
from nas.data.images import Pair
from nas.data.metrics import psnr_db
from nas.data.resample import downscale
from nas.errors import IllegalError
from nas.graph import Concat, Conv2d, Graph, GraphBuilder, Tanh
from nas.quantize.calibration import calibrate
from nas.quantize.convert import to_tflite
from nas.quantize.convert16 import to_tflite_16x8
from nas.quantize.litert import op_names, run_tflite, tensor_types
from nas.quantize.method import READOUT
from nas.quantize.refit import quantize
from nas.quantize.scheme import Grid
from nas.quantize.simulate import Simulation
from nas.readers.to_torch import image_tensor, to_torch
from nas.readers.weights import Array, random_weights
from nas.space import load_space
from nas.train.feed import Feed
from nas.train.recipes import recipe
from nas.train.schedules import Cosine, Warmup
from nas.train.trainer import Conditions, Trainer
from nas.zoo import zoo_entry
from tests.networks import sensible_weights

HXNET = load_space("hxnet")
STAGE = replace(
    recipe("search").stages[0],
    steps=200,
    schedule=Warmup(10, Cosine(4e-3, 200)),
    batch_size=4,
    lr_patch=16,
)
RECIPE = replace(recipe("search"), stages=(STAGE,))
HEIGHT, WIDTH = 48, 64
OPS_OF_PUBLISHED_FILES = {
    *("QUANTIZE", "CONV_2D", "CONCATENATION", "ADD", "DEPTH_TO_SPACE"),
    *("MINIMUM", "RELU", "STRIDED_SLICE"),
}


def networks() -> dict[str, Graph]:
    rng = random.Random(21)
    found = {name: zoo_entry(name).build() for name in ("XCAT", "XLSR", "ABPN")}
    found |= {f"pick-{i}": HXNET.graph(HXNET.sample(rng)) for i in range(5)}
    return found


NETWORKS = networks()
each_network = pytest.mark.parametrize("name", NETWORKS)


@cache
def pairs() -> tuple[Pair, ...]:
    found = dead_leaves(seed=12, count=6, size=3 * WIDTH)
    return tuple(Pair(f"{i}", downscale(hr, 3), hr) for i, hr in enumerate(found))


@dataclass(frozen=True)
class Deployed:
    """A network after a short training."""

    trained: dict[str, Array]
    weights: dict[str, Array]
    grid: tuple[Grid, ...]
    file: bytes


@cache
def deployed(name: str) -> Deployed:
    graph = NETWORKS[name]
    feed = Feed(pairs(), scale=3, seed=0)
    trainer = Trainer(graph, RECIPE, feed, Conditions(seed=1))
    trainer.advance(40)
    trained = trainer.weights()
    weights, grid = quantize(graph, trained, feed.solve_set.lr)
    file = to_tflite(graph, weights, grid, height=HEIGHT, width=WIDTH)
    return Deployed(trained, weights, grid, file)


def lr_and_hr() -> tuple[np.ndarray, np.ndarray]:
    lr = np.stack([pair.lr[:HEIGHT, :WIDTH] for pair in pairs()[:4]])
    hr = np.stack([pair.hr[: 3 * HEIGHT, : 3 * WIDTH] for pair in pairs()[:4]])
    return lr, hr


def uint8(images: torch.Tensor) -> np.ndarray:
    return (images.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


@each_network
def test_simulation_agrees_with_litert(name: str) -> None:
    graph, made = NETWORKS[name], deployed(name)
    lr, hr = lr_and_hr()
    simulated = uint8(Simulation(graph, made.weights, made.grid)(image_tensor(lr)))
    ran = run_tflite(made.file, lr)
    assert ran.shape == hr.shape
    assert abs(psnr_db(simulated, hr, shave=3) - psnr_db(ran, hr, shave=3)) <= 0.05
    assert psnr_db(simulated, ran) > 45  # code by code, not on average only


@each_network
def test_file_is_all_integer_of_the_published_ops(name: str) -> None:
    file = deployed(name).file
    assert set(op_names(file)) <= OPS_OF_PUBLISHED_FILES
    assert tensor_types(file) <= {"int8", "uint8", "int32"}


@each_network
def test_image_goes_in_and_comes_out_as_plain_uint8(name: str) -> None:
    interpreter = Interpreter(model_content=deployed(name).file)
    (entry,), (leave,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert tuple(entry["shape"]) == (1, HEIGHT, WIDTH, 3)
    assert tuple(leave["shape"]) == (1, 3 * HEIGHT, 3 * WIDTH, 3)
    for end in (entry, leave):
        assert end["dtype"] == np.uint8
        scale, zero_point = end["quantization"]
        assert (scale, zero_point) == (pytest.approx(1 / 255, rel=1e-6), 0)


@each_network
def test_quantisation_costs_little_and_less_than_without_its_care(name: str) -> None:
    graph, made = NETWORKS[name], deployed(name)
    lr, hr = lr_and_hr()
    x = image_tensor(lr)
    with torch.no_grad():
        exact = psnr_db(uint8(to_torch(graph, made.trained)(x)), hr, shave=3)
    careful = psnr_db(uint8(Simulation(graph, made.weights, made.grid)(x)), hr, shave=3)
    plain_grid = calibrate(graph, made.trained, x)
    plain = psnr_db(uint8(Simulation(graph, made.trained, plain_grid)(x)), hr, shave=3)
    assert exact - careful < 0.4
    assert careful > plain - 0.02


def kernel_scales(file: bytes) -> list[int]:
    """How many scales each kernel of a file has."""
    found = []
    for tensor in Interpreter(model_content=file).get_tensor_details():
        shape = tensor["shape"]
        if tensor["dtype"] == np.int8 and len(shape) == 4 and not np.array_equal(shape[:1], [1]):
            found.append(len(tensor["quantization_parameters"]["scales"]))
    return found


@pytest.mark.parametrize("name", ["XLSR", "FSRCNN-RGBx3"])
def test_file_has_one_scale_a_kernel_if_told(name: str) -> None:
    graph = zoo_entry(name).build()
    weights = sensible_weights(graph)
    lr, _ = lr_and_hr()
    method = replace(READOUT, per_channel=False)
    deployed, grid = quantize(graph, weights, image_tensor(lr), method=method)
    size = {"height": HEIGHT, "width": WIDTH}
    file = to_tflite(graph, deployed, grid, per_channel=False, **size)
    assert set(kernel_scales(file)) == {1}
    assert max(kernel_scales(to_tflite(graph, deployed, grid, **size))) > 1
    simulation = Simulation(graph, deployed, grid, per_channel=False)
    simulated = uint8(simulation(image_tensor(lr))).astype(int)
    assert (np.abs(run_tflite(file, lr) - simulated) <= 1).mean() >= 0.995


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("name", ["XCAT", "ABPN"])
def test_file_of_sixteen_bit_activations_is_next_to_float(name: str, per_channel: bool) -> None:
    graph, made = NETWORKS[name], deployed(name)
    lr, _ = lr_and_hr()
    method = replace(READOUT, activation_bits=16, per_channel=per_channel)
    weights, grid = quantize(graph, made.trained, image_tensor(lr), method=method)
    file = to_tflite_16x8(
        graph, weights, image_tensor(lr), height=HEIGHT, width=WIDTH, per_channel=per_channel
    )
    assert {"int16", "int8", "int64"} <= tensor_types(file)
    assert (max(kernel_scales(file)) > 1) == per_channel
    convs = [op for op in op_names(file) if op in ("CONV_2D", "DEQUANTIZE")]
    assert convs.count("DEQUANTIZE") <= 2  # before depth-to-space, and at the end
    simulation = Simulation(graph, weights, grid, per_channel=per_channel)
    simulated = uint8(simulation(image_tensor(lr))).astype(int)
    assert (np.abs(run_tflite(file, lr) - simulated) <= 1).mean() >= 0.995
    with torch.no_grad():
        exact = uint8(to_torch(graph, made.trained)(image_tensor(lr)))
    assert psnr_db(run_tflite(file, lr), exact) > 45


@pytest.mark.parametrize("bias", [0.5, 0.0])
def test_equal_biases_are_right_for_every_channel(bias: float) -> None:
    g = GraphBuilder(channels=3)
    graph = g.graph(g.chain(g.input, Conv2d(8), Conv2d(3, kernel=1)))
    weights = random_weights(graph, seed=0)
    weights["2/bias"] = np.full(3, bias, np.float32)
    lr, _ = lr_and_hr()
    grid = calibrate(graph, weights, image_tensor(lr))
    file = to_tflite(graph, weights, grid, height=HEIGHT, width=WIDTH)
    simulated = uint8(Simulation(graph, weights, grid)(image_tensor(lr)))
    np.testing.assert_array_equal(run_tflite(file, lr), simulated)


def test_tanh_cannot_join_tensors_of_another_grid() -> None:
    g = GraphBuilder(channels=3)
    curved = g.chain(g.input, Conv2d(8), Tanh())
    graph = g.graph(g.append(Conv2d(3), g.append(Concat(), curved, g.append(Conv2d(8), g.input))))
    weights = random_weights(graph, seed=0)
    grid = calibrate(graph, weights, image_tensor(lr_and_hr()[0]))
    with pytest.raises(IllegalError) as caught:
        to_tflite(graph, weights, grid, height=HEIGHT, width=WIDTH)
    assert str(caught.value) == (
        f"node 2 of {graph.digest}: the codes of a tanh are 1/128 apart and cannot join tensors of "
        "another grid"
    )
