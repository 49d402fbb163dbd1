"""A discriminator learns beside a network, and each of them only by its own loss."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from nas.data.images import Pair
from nas.train.adversarial import Adversary
from nas.train.feed import Feed
from nas.train.hardware import Hardware
from nas.train.schedules import Constant
from nas.train.stages import Recipe, Stage
from nas.train.trainer import Conditions, Trainer
from nas.zoo import zoo_entry

STAGE = Stage(20, Constant(1e-3), batch_size=2, lr_patch=8, adversarial=1e-3)
XCAT = zoo_entry("XCAT").build()


def adversary(seed: int = 0) -> Adversary:
    found = Adversary(STAGE, Hardware(), seed=seed)
    found.optimizer.set_rate(1e-3)
    return found


def images(seed: int) -> tuple[Tensor, Tensor]:
    """Noise, and flat grey."""
    generator = torch.Generator().manual_seed(seed)
    grey = torch.rand(4, 1, 1, 1, generator=generator).expand(4, 3, 24, 24)
    return torch.rand(4, 3, 24, 24, generator=generator), grey


def probabilities(found: Adversary, x: Tensor) -> Tensor:
    with torch.no_grad():
        return found._network(x)


def test_loss_is_the_cross_entropy_of_being_taken_for_real() -> None:
    found, (noise, _) = adversary(), images(0)
    real = probabilities(found, noise).flatten()
    assert float(found.loss(noise)) == pytest.approx(-real.log().mean().item(), rel=1e-4)
    assert math.isfinite(float(found.loss(noise * 1e6)))  # where the probability itself is 0 or 1


def test_it_learns_to_tell_images_apart() -> None:
    found = adversary()
    for step in range(12):
        found.train(*images(step))
    noise, grey = images(99)
    assert probabilities(found, noise).min() > probabilities(found, grey).max()
    assert found.loss(noise) < found.loss(grey)


def test_gradients_of_the_network_are_not_its_own() -> None:
    found, (noise, grey) = adversary(), images(1)
    sr = grey.clone().requires_grad_()
    before = [p.clone() for p in found._network.parameters()]
    found.loss(sr).backward()
    assert sr.grad is not None
    assert sr.grad.abs().sum() > 0
    assert all(p.grad is None for p in found._network.parameters())
    sr.grad = None
    found.train(noise, sr)
    assert sr.grad is None
    pairs = zip(found._network.parameters(), before, strict=True)
    assert all(not torch.equal(p, old) for p, old in pairs)


def test_stage_minimises_the_weighted_sum(leaves: tuple[Pair, ...]) -> None:
    """Of the same step on the same patches, with a rate that leaves the network as it is."""
    losses = {}
    for weight in (0.0, 0.5, 1.0):
        stage = replace(STAGE, schedule=Constant(0.0), adversarial=weight)
        run = Trainer(XCAT, Recipe("r", "", (stage,)), Feed(leaves, scale=3, seed=0))
        run.advance(1)
        losses[weight] = run.mean_loss()
    assert losses[1.0] - losses[0.0] > 0.1
    assert losses[0.5] == pytest.approx((losses[0.0] + losses[1.0]) / 2, rel=1e-5)


def test_next_stage_goes_on_with_what_it_has_learnt(leaves: tuple[Pair, ...]) -> None:
    feed = Feed(leaves, scale=3, seed=0)
    run = Trainer(XCAT, Recipe("r", "", (STAGE, STAGE)), feed, Conditions(0, 4))
    run.advance(2)
    first = run._run.helpers.adversary
    assert first is not None
    learnt = {name: x.clone() for name, x in first._network.state_dict().items()}
    run._enter(1, XCAT, run.weights())
    second = run._run.helpers.adversary
    assert second is not None
    assert second is not first
    for name, x in second._network.state_dict().items():
        assert torch.equal(x, learnt[name])


def test_restored_run_ends_as_one_that_was_not_stopped(leaves: tuple[Pair, ...]) -> None:
    feed = Feed(leaves, scale=3, seed=0)
    chosen = Recipe("r", "", (STAGE, STAGE))
    whole, stopped, restored = (Trainer(XCAT, chosen, feed, Conditions(0, 5)) for _ in range(3))
    whole.advance(5)
    stopped.advance(4)  # the second stage has begun
    tensors, described = stopped.state()
    restored.restore({name: tensor.clone() for name, tensor in tensors.items()}, described)
    restored.advance(5)
    a, b = whole.state()[0], restored.state()[0]
    assert any(name.startswith("adversary/optimizer/") for name in a)
    assert set(a) == set(b)
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_seeds_start_it_differently() -> None:
    noise, _ = images(0)
    a, b, c = (probabilities(adversary(seed), noise) for seed in (0, 0, 1))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
