"""What each layer costs: nothing rounded costs nothing, all of it is the quantised network."""

import numpy as np
import pytest
import torch
from torch import Tensor

from nas.graph import Conv2d, Graph, GraphBuilder
from nas.quantize.calibration import calibrate
from nas.quantize.scheme import Grid
from nas.quantize.sensitivity import read_sensitivity
from nas.quantize.simulate import Simulation
from nas.readers.weights import random_weights
from nas.zoo import zoo_graph

IMAGES = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)).mul(255).round() / 255


def psnr(wanted: Tensor, upscaled: Tensor) -> float:
    return float(-10 * torch.log10((upscaled.clamp(0, 1) - wanted).square().mean() + 1e-12))


def test_every_layer_that_rounds_is_listed_once() -> None:
    graph = zoo_graph("XLSR")
    weights = random_weights(graph, seed=1)
    grid = calibrate(graph, weights, IMAGES)
    wanted = torch.rand(2, 3, 48, 48)
    found = read_sensitivity(graph, weights, grid, IMAGES, lambda y: psnr(wanted, y))
    convs = [i for i, node in enumerate(graph.nodes) if isinstance(node.op, Conv2d)]
    assert [layer.position for layer in found if layer.weights_db is not None] == convs
    assert len({layer.position for layer in found}) == len(found)
    assert all(layer.op.startswith(("conv", "clip")) for layer in found)


def one_conv() -> tuple[Graph, dict[str, np.ndarray]]:
    g = GraphBuilder(channels=3)
    first = g.append(Conv2d(3, kernel=1), g.input)
    graph = g.graph(g.append(Conv2d(3, kernel=1), first))
    identity = np.eye(3, dtype=np.float32)[None, None]
    zeros = np.zeros(3, np.float32)
    return graph, {
        "1/kernel": identity, "1/bias": zeros, "2/kernel": identity, "2/bias": zeros
    }  # fmt: skip


def test_loss_is_that_of_the_one_coarse_grid() -> None:
    graph, weights = one_conv()
    image = Grid(1 / 255, -128)
    coarse = Grid(16 / 255, -128)  # every 16th code of the image
    rounded = (IMAGES / coarse.scale).round() * coarse.scale

    def measure(y: Tensor) -> float:
        return psnr(0.9 * IMAGES, y)

    first, second = read_sensitivity(graph, weights, (image, coarse, image), IMAGES, measure)
    expected = measure(IMAGES) - measure(rounded)
    assert first.activations_db == pytest.approx(expected, abs=1e-3)
    assert second.activations_db == pytest.approx(0, abs=1e-3)
    assert first.weights_db == pytest.approx(0, abs=1e-3)  # an identity is on any grid
    assert first.without_db == pytest.approx(expected, abs=1e-3)


def test_all_rounded_is_the_simulated_network() -> None:
    graph = zoo_graph("XCAT")
    weights = random_weights(graph, seed=2)
    grid = calibrate(graph, weights, IMAGES)
    wanted = Simulation(graph, weights, grid)(IMAGES)
    found = read_sensitivity(graph, weights, grid, IMAGES, lambda y: psnr(wanted, y))
    # Nothing is as near to the simulation as what rounds all of its layers.
    assert max(layer.without_db for layer in found) < 0.5
