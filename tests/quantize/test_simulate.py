"""The integer network, simulated: every number lies on its grid."""

import numpy as np
import pytest
import torch
from hypothesis import given

from nas.graph import Conv2d, Graph, GraphBuilder
from nas.quantize.scheme import IMAGE_GRID
from nas.quantize.simulate import Simulation, calibrate, quantize_kernel
from nas.readers.to_torch import to_torch
from nas.readers.weights import kernel_to_torch, random_weights
from nas.zoo import zoo_entry
from tests.strategies import graphs

XCAT = zoo_entry("XCAT").build()


def images(channels: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (3, channels, 8, 10), generator=generator) / 255


def test_kernel_codes_are_symmetric_per_channel() -> None:
    kernel = torch.tensor([[1.27, -0.5], [0.0, 0.01]]).reshape(2, 2, 1, 1)
    codes, scale = quantize_kernel(kernel)
    assert codes.flatten().tolist() == [127, -50, 0, 127]
    assert scale.tolist() == pytest.approx([0.01, 0.01 / 127])


@given(graph=graphs(int8=True))
def test_every_tensor_lies_on_its_grid(graph: Graph) -> None:
    weights = random_weights(graph, seed=0)
    grid = calibrate(graph, weights, images(graph.channels))
    outputs = Simulation(graph, weights, grid).run(images(graph.channels))
    for y, step in zip(outputs, grid, strict=True):
        codes = y / step.scale + step.zero_point
        torch.testing.assert_close(codes, codes.round(), rtol=0, atol=2e-3)
        assert codes.min() > -128.01
        assert codes.max() < 127.01


def test_weights_and_biases_are_codes_of_their_grids() -> None:
    weights = random_weights(XCAT, seed=0)
    grid = calibrate(XCAT, weights, images())
    simulation = Simulation(XCAT, weights, grid)
    for name, codes in simulation.codes.kernels.items():
        assert torch.equal(codes, codes.round())
        assert codes.abs().amax(dim=(1, 2, 3)).unique().tolist() == [127]
        step = grid[XCAT.nodes[int(name)].inputs[0]].scale
        scale = simulation.steps[int(name)] / step
        kernel = kernel_to_torch(weights[f"{name}/kernel"])
        error = codes.detach() * scale[:, None, None, None] - torch.from_numpy(kernel)
        assert (error.abs() <= scale[:, None, None, None] * 0.501).all()
    for name, codes in simulation.codes.biases.items():
        assert torch.equal(codes, codes.round())
        exact = torch.from_numpy(weights[f"{name}/bias"]) / simulation.steps[int(name)]
        torch.testing.assert_close(codes.detach(), exact, rtol=1e-6, atol=0.51)


def test_fewer_bits_leave_fewer_codes() -> None:
    def codes_of(bits: int) -> torch.Tensor:
        g = GraphBuilder(channels=3)
        graph = g.graph(g.append(Conv2d(3, bits=bits), g.input))
        weights = random_weights(graph, seed=0)
        grid = calibrate(graph, weights, images())
        return Simulation(graph, weights, grid).codes.kernels["1"].detach()[0].unique()

    assert len(codes_of(2)) <= 3  # -1, 0 and 1 times 127
    assert set(codes_of(2).tolist()) <= {-127, 0, 127}
    assert len(codes_of(4)) <= 15
    assert len(codes_of(8)) > 15


def test_simulation_is_near_the_float_network_but_not_equal() -> None:
    weights = random_weights(XCAT, seed=0)
    simulated = Simulation(XCAT, weights, calibrate(XCAT, weights, images()))(images())
    difference = (simulated - to_torch(XCAT, weights)(images())).abs()
    assert 0 < difference.max() < 0.2
    assert difference.mean() < 0.02


def test_calibration_sees_the_least_and_the_greatest_value() -> None:
    g = GraphBuilder(channels=1)
    graph = g.graph(g.chain(g.input, Conv2d(1, kernel=1), Conv2d(1, kernel=1)))
    ones = np.ones((1, 1, 1, 1), np.float32)
    weights = {"1/kernel": ones * 3, "2/kernel": ones}
    weights |= {"1/bias": np.array([-1], np.float32), "2/bias": np.zeros(1, np.float32)}
    grid = calibrate(graph, weights, torch.tensor([0.0, 0.5, 1.0]).reshape(1, 1, 1, 3))
    assert (grid[0], grid[2]) == (IMAGE_GRID, IMAGE_GRID)
    assert grid[1].scale == pytest.approx(3 / 255)  # -1..2
    assert grid[1].zero_point == -43  # -128 + 255/3


def test_run_may_end_early() -> None:
    weights = random_weights(XCAT, seed=0)
    simulation = Simulation(XCAT, weights, calibrate(XCAT, weights, images()))
    early, all_of_it = simulation.run(images(), end=4), simulation.run(images())
    assert len(early) == 5
    assert all(torch.equal(a, b) for a, b in zip(early, all_of_it, strict=False))
