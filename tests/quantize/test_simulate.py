"""The integer network, simulated: every number lies on its grid."""

import numpy as np
import pytest
import torch
from hypothesis import given

from nas.graph import Conv2d, Graph, GraphBuilder
from nas.quantize.calibration import calibrate
from nas.quantize.scheme import IMAGE_GRID
from nas.quantize.simulate import Simulation, quantize_kernel
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


def test_one_scale_serves_all_channels_of_a_tensor() -> None:
    kernel = torch.tensor([[1.27, -0.5], [0.1, 0.01], [2.54, 0.0], [-0.02, 0.2]])
    codes, scale = quantize_kernel(kernel.reshape(4, 2, 1, 1), tensors=2)
    assert codes.flatten().tolist() == [127, -50, 10, 1, 127, 0, -1, 10]
    assert scale.tolist() == pytest.approx([0.01, 0.01, 0.02, 0.02])


def test_groups_are_tensors_of_their_own() -> None:
    graph = zoo_entry("XLSR").build()
    weights = random_weights(graph, seed=0)
    grid = calibrate(graph, weights, images())
    simulation = Simulation(graph, weights, grid, per_channel=False)
    for position, node in enumerate(graph.nodes):
        if isinstance(node.op, Conv2d):
            kernel = simulation.codes.kernels[str(position)]
            peaks = kernel.abs().reshape(node.op.groups, -1).amax(dim=1)
            assert peaks.tolist() == [127] * node.op.groups
            assert len(simulation.steps[position].unique()) == node.op.groups


def test_new_weights_replace_the_old_ones() -> None:
    weights, others = random_weights(XCAT, seed=0), random_weights(XCAT, seed=1)
    grid = calibrate(XCAT, weights, images())
    simulation, expected = (Simulation(XCAT, some, grid) for some in (weights, others))
    for position, node in enumerate(XCAT.nodes):
        if isinstance(node.op, Conv2d):
            kernel, bias = others[f"{position}/kernel"], others.get(f"{position}/bias")
            simulation.replace(
                position,
                torch.from_numpy(kernel_to_torch(kernel)),
                None if bias is None else torch.from_numpy(bias),
            )
    assert torch.equal(simulation(images()), expected(images()))


def test_sixteen_bits_are_next_to_float_activations() -> None:
    weights = random_weights(XCAT, seed=0)
    fine = Simulation(XCAT, weights, calibrate(XCAT, weights, images(), bits=16))(images())
    coarse = Simulation(XCAT, weights, calibrate(XCAT, weights, images()))(images())
    wanted = to_torch(XCAT, weights)(images())
    assert (fine - wanted).abs().mean() < 0.8 * (coarse - wanted).abs().mean()
