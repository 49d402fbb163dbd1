"""Each part of post-training quantisation does what it is for, and all of them keep the network."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from nas.data.dead_leaves import dead_leaves
from nas.data.images import Pair
from nas.data.patches import calibration_patches
from nas.data.resample import downscale
from nas.graph import Graph
from nas.quantize.calibration import Calibration
from nas.quantize.method import BEST, METHODS, PLAIN, READOUT, REFIT, Method
from nas.quantize.refit import quantize
from nas.quantize.revise import Care, revise
from nas.quantize.simulate import Simulation, quantize_kernel
from nas.readers.readout import find_readout
from nas.readers.to_torch import GraphModule, to_torch
from nas.readers.weights import Array, kernel_to_torch
from nas.train.solve_set import SolveSet, solve_readout
from nas.train.start import identity_start
from nas.zoo import zoo_entry
from tests.networks import sensible_weights

NAMES = ("XLSR", "XCAT", "FSRCNN-RGBx3")  # the last ends in a transposed convolution


@cache
def solve_set() -> SolveSet:
    images = dead_leaves(seed=3, count=4, size=96)
    pairs = [Pair(f"{i}", downscale(hr, 3), hr) for i, hr in enumerate(images)]
    return SolveSet(*calibration_patches(pairs, lr_size=20, count=16, seed=0, scale=3))


def patches() -> Tensor:
    return solve_set().lr


@cache
def network(name: str) -> tuple[Graph, dict[str, Array]]:
    """Where a training begins: the image is carried to a readout that is solved."""
    graph = zoo_entry(name).build().deployed
    if find_readout(graph) is None:
        return graph, sensible_weights(graph)
    module = to_torch(graph, identity_start(graph, seed=0, gain=0.7))
    solve_readout(module, solve_set(), ridge=1e-3)
    return graph, module.weights()


def mean_error(name: str, method: Method) -> float:
    """Mean square, of the quantised network against the float one."""
    x = patches()
    graph, weights = network(name)
    deployed, grid = quantize(graph, weights, patches(), method=method)
    simulation = Simulation(graph, deployed, grid, per_channel=method.per_channel)
    with torch.no_grad():
        wanted = to_torch(graph, weights)(x).clamp(0, 1)
    return float((simulation(x) - wanted).square().mean())


@pytest.mark.parametrize("name", NAMES)
def test_each_method_is_nearer_to_the_float_network_than_the_plain_one(name: str) -> None:
    error = {label: mean_error(name, method) for label, method in METHODS.items()}
    slack = 1.05
    assert error["bias-correction"] < slack * error["equalize"]
    assert error["feedback"] < slack * error["equalize"]
    assert error["best"] < 1.3 * min(error.values())
    assert error["best"] < 0.5 * error["plain"]


@pytest.mark.parametrize("name", ["XLSR", "FSRCNN-RGBx3"])
def test_readout_gains_most_where_no_image_is_added(name: str) -> None:
    assert mean_error(name, READOUT) < 0.5 * mean_error(name, PLAIN)


def test_sixteen_bits_lose_next_to_nothing() -> None:
    assert mean_error("XLSR", replace(READOUT, activation_bits=16)) < 0.4 * mean_error(
        "XLSR", READOUT
    )


def test_one_scale_a_kernel_loses_little_with_care_and_much_without() -> None:
    without, care = (
        mean_error("XLSR", replace(method, per_channel=False)) for method in (PLAIN, BEST)
    )
    assert care < 0.3 * without


def test_plain_changes_no_weight() -> None:
    graph, weights = network("XLSR")
    found, _ = quantize(graph, weights, patches(), method=PLAIN)
    assert all(np.array_equal(found[name], array) for name, array in weights.items())


def test_readout_may_be_all_that_is_solved() -> None:
    graph, weights = network("XLSR")
    equalized, grid = quantize(graph, weights, patches(), method=METHODS["equalize"])
    found, same = quantize(graph, weights, patches(), method=READOUT)
    readout = find_readout(graph)
    assert readout is not None
    changed = {name for name in found if not np.array_equal(found[name], equalized[name])}
    assert changed == {f"{readout.conv}/kernel", f"{readout.conv}/bias"}
    assert same == grid


def test_float_network_runs_once(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, weights = network("XCAT")
    ran: list[int] = []
    apply = GraphModule.apply_node

    def counted(self: GraphModule, position: int, *xs: Tensor) -> Tensor:
        kernel = next(iter(self.kernels.values()))
        if not torch.equal(kernel, kernel.round()):  # those of a simulation are whole codes
            ran.append(position)
        return apply(self, position, *xs)

    monkeypatch.setattr(GraphModule, "apply_node", counted)
    quantize(graph, weights, patches(), method=READOUT)
    assert ran == list(range(len(graph.nodes)))


def test_batches_may_have_any_size() -> None:
    graph, weights = network("XLSR")
    x = patches()
    batches = [x[:3], x[3:, :, :12]]
    for method in (READOUT, REFIT, BEST):
        found, _ = quantize(graph, weights, batches, method=method)
        assert found.keys() == weights.keys()


def test_equal_batches_are_as_one() -> None:
    graph, weights = network("XLSR")
    one, grid = quantize(graph, weights, patches())
    two, same = quantize(graph, weights, [patches()[:4], patches()[4:]])
    assert same == grid
    for name, array in one.items():
        np.testing.assert_allclose(two[name], array, rtol=0.02, atol=0.02)


def test_representative_images_set_the_ranges() -> None:
    graph, weights = network("XLSR")
    dark = patches() * 0.1
    _, grid = quantize(graph, weights, patches(), representative=dark)
    _, of_dark = quantize(graph, weights, dark, method=METHODS["plain"])
    _, of_all = quantize(graph, weights, patches())
    assert sum(a.scale < b.scale for a, b in zip(grid, of_all, strict=True)) > 10
    plain, _ = quantize(graph, weights, patches(), method=PLAIN, representative=dark)
    assert quantize(graph, weights, patches(), method=PLAIN, representative=dark)[1] == of_dark
    assert plain.keys() == weights.keys()


def test_solved_readout_of_a_transposed_convolution_lies_on_its_grid() -> None:
    graph, weights = network("FSRCNN-RGBx3")
    found, _ = quantize(graph, weights, patches())
    position = len(graph.nodes) - 1
    while f"{position}/kernel" not in found:
        position -= 1
    kernel = torch.from_numpy(kernel_to_torch(found[f"{position}/kernel"]))
    codes, scale = quantize_kernel(kernel, axis=1)
    rounded = codes * scale[None, :, None, None]
    torch.testing.assert_close(rounded.float(), kernel, rtol=0, atol=float(scale.max()) * 1e-2)
    assert not np.array_equal(found[f"{position}/kernel"], weights[f"{position}/kernel"])


def test_corrected_bias_leaves_no_mean_error() -> None:
    graph, weights = network("XLSR")
    found, grid = quantize(graph, weights, patches(), method=METHODS["bias-correction"])
    equalized, _ = quantize(graph, weights, patches(), method=METHODS["equalize"])

    def errors(some: dict[str, Array]) -> Tensor:
        simulated = Simulation(graph, some, grid).run(patches())[-3]
        with torch.no_grad():
            wanted = to_torch(graph, weights).run(patches(), range(len(graph.nodes)))[-3]
        assert simulated.shape[1] == 27
        return (simulated - wanted.clamp(0, 1)).mean(dim=(0, 2, 3)).abs()

    assert errors(found).mean() < 0.25 * errors(equalized).mean()


def test_nothing_to_do_is_nothing_done() -> None:
    graph, weights = network("XLSR")
    _, grid = quantize(graph, weights, patches(), method=PLAIN)
    simulation = Simulation(graph, weights, grid)
    care = Care(solve=False, feedback=False, correct_bias=False, per_channel=True)
    assert revise(graph, weights, simulation, patches(), care=care) == {}


def test_clipping_reaches_the_grid() -> None:
    graph, weights = network("XLSR")
    narrow = replace(PLAIN, calibration=Calibration("percentile", 90.0))
    _, whole = quantize(graph, weights, patches(), method=PLAIN)
    _, clipped = quantize(graph, weights, patches(), method=narrow)
    assert sum(a.scale < 0.9 * b.scale for a, b in zip(clipped, whole, strict=True)) > 10
