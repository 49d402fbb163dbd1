"""One training run: repeatable, resumable, averaged, and it learns."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from nas.data.images import Pair
from nas.data.patches import PatchSampler, calibration_patches
from nas.graph import Clip, Conv2d, DepthToSpace, Graph, GraphBuilder
from nas.readers.readout import find_readout
from nas.readers.to_torch import image_tensor, to_torch
from nas.readers.weights import Array
from nas.train.loop import SolveSet, Trainer, solve_readout, unclipped
from nas.train.recipe import Recipe
from nas.train.start import identity_start
from nas.zoo import zoo_entry

RECIPE = Recipe(steps=60, rungs=(20,), batch_size=4, lr_patch=16, warmup_steps=5)
XCAT = zoo_entry("XCAT").build()
PURE_CONV = zoo_entry("PureConvSR").build()  # has no readout


def trainer(
    leaves: tuple[Pair, ...], graph: Graph = XCAT, *, seed: int = 1, recipe: Recipe = RECIPE
) -> Trainer:
    sampler = PatchSampler(leaves, lr_patch=recipe.lr_patch, scale=3, seed=0)
    solve_set = SolveSet(*calibration_patches(leaves, lr_size=24, count=8, seed=1, scale=3))
    return Trainer(graph, sampler, solve_set, recipe, seed=seed)


def equal(a: dict[str, Array], b: dict[str, Array]) -> bool:
    return set(a) == set(b) and all(np.array_equal(a[name], b[name]) for name in a)


def error_of(graph: Graph, weights: dict[str, Array], pairs: tuple[Pair, ...]) -> float:
    lr, hr = calibration_patches(pairs, lr_size=40, count=8, seed=9, scale=3)
    with torch.no_grad():
        y = to_torch(graph, weights)(image_tensor(lr)).clamp(0, 1)
    return float((y - image_tensor(hr)).abs().mean())


def test_image_tensor_is_planar_and_from_zero_to_one() -> None:
    image = np.array([[[0, 51, 255]]], np.uint8)[None]
    tensor = image_tensor(image)
    assert tensor.shape == (1, 3, 1, 1)
    np.testing.assert_allclose(tensor.flatten(), [0, 0.2, 1], rtol=1e-6)


@pytest.mark.parametrize("graph", [XCAT, PURE_CONV], ids=["XCAT", "PureConvSR"])
def test_same_seed_gives_the_same_weights_bit_for_bit(
    leaves: tuple[Pair, ...], graph: Graph
) -> None:
    a, b, c = (trainer(leaves, graph, seed=seed) for seed in (1, 1, 2))
    for run in (a, b, c):
        run.advance(5)
    assert equal(a.weights(), b.weights())
    assert not equal(a.weights(), c.weights())


def test_training_in_two_goes_is_training_in_one(leaves: tuple[Pair, ...]) -> None:
    once, twice = trainer(leaves), trainer(leaves)
    once.advance(20)
    twice.advance(10)
    twice.weights()  # reading between does not disturb
    twice.advance(20)
    twice.advance(15)  # already there
    assert twice.step == 20
    assert equal(once.weights(), twice.weights())


@pytest.mark.parametrize("graph", [XCAT, PURE_CONV], ids=["XCAT", "PureConvSR"])
def test_thirty_steps_bring_the_error_down(leaves: tuple[Pair, ...], graph: Graph) -> None:
    run = trainer(leaves, graph)
    before = error_of(graph, run.weights(), leaves)
    run.advance(30)
    assert error_of(graph, run.weights(), leaves) < before * 0.99


def test_solved_readout_is_better_than_nearest_upsampling(leaves: tuple[Pair, ...]) -> None:
    nearest = identity_start(XCAT, seed=1, gain=0.7)
    solved = trainer(leaves).weights()
    assert error_of(XCAT, solved, leaves) < 0.95 * error_of(XCAT, nearest, leaves)


def test_weights_are_the_moving_average_with_its_readout_solved(leaves: tuple[Pair, ...]) -> None:
    run = trainer(leaves, recipe=replace(RECIPE, ema_decay=0.5))
    average = run._module.weights()
    for step in range(1, 9):
        run.advance(step)
        decay = min(0.5, step / (step + 10))
        latest = run._module.weights()
        average = {name: decay * average[name] + (1 - decay) * latest[name] for name in average}
    found = run.weights()
    readout = find_readout(XCAT)
    assert readout is not None
    body = [name for name in found if not name.startswith(f"{readout.conv}/")]
    for name in body:
        np.testing.assert_allclose(found[name], average[name], atol=1e-6)
    assert any(not np.allclose(found[name], latest[name], atol=1e-4) for name in body)
    module = to_torch(XCAT, average)
    solve_readout(module, run._solve_set, RECIPE.ridge)
    kernel = f"{readout.conv}/kernel"
    np.testing.assert_allclose(found[kernel], module.weights()[kernel], atol=1e-5)
    assert not np.allclose(found[kernel], average[kernel], atol=1e-4)


def test_network_without_a_readout_is_averaged_only(leaves: tuple[Pair, ...]) -> None:
    run = trainer(leaves, PURE_CONV, recipe=replace(RECIPE, ema_decay=0.0))
    run.advance(3)
    assert equal(run.weights(), run._module.weights())  # an average that forgets at once


def test_learning_rate_rises_then_falls_to_zero(leaves: tuple[Pair, ...]) -> None:
    run = trainer(leaves)
    rates = []
    for run.step in range(RECIPE.steps + 1):
        rates.append(run._learning_rate())
    top = rates.index(max(rates))
    assert rates[0] == pytest.approx(RECIPE.learning_rate / 5)
    assert RECIPE.warmup_steps - 1 <= top <= RECIPE.warmup_steps
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] == pytest.approx(0)


def test_loss_does_not_see_the_clip() -> None:
    g = GraphBuilder(channels=3)
    conv = g.append(Conv2d(12, kernel=1), g.input)
    graph = g.graph(g.chain(conv, Clip(), DepthToSpace(2), Clip()))
    bias = np.linspace(-1, 2, 12, dtype=np.float32)
    module = to_torch(graph, {"1/kernel": np.zeros((1, 1, 3, 12), np.float32), "1/bias": bias})
    x = torch.zeros(1, 3, 1, 1)
    assert sorted(unclipped(module, x).flatten().tolist()) == pytest.approx(bias.tolist())
    assert (module(x).min(), module(x).max()) == (0, 1)
