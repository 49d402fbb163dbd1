"""Adam of a stage: its rates, and its state."""

import math

import pytest
import torch
from torch import nn

from nas.train.adam import Adam
from nas.train.hardware import Hardware
from nas.train.stages import Stage

STAGE = Stage(1, betas=(0.8, 0.9), epsilon=1e-6)


def weights() -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(size, generator=generator)) for size in ((2, 3, 3, 3), (4,))]


def optimizer(parameters: list[nn.Parameter]) -> Adam:
    found = Adam({1.0: [parameters[0]], 0.5: [parameters[1]], 0.1: []}, STAGE, Hardware())
    found.set_rate(0.01)
    return found


def step(found: Adam, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in found.parameters:
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    found.step()


def test_step_is_adam_at_the_rate_times_the_factor() -> None:
    """By hand: m = (1 - b1) g, v = (1 - b2) g^2, both over one minus their beta at first."""
    parameters = weights()
    before = [p.detach().clone() for p in parameters]
    found = optimizer(parameters)
    step(found, 1)
    for parameter, old, factor in zip(parameters, before, (1.0, 0.5), strict=True):
        assert parameter.grad is not None
        g = parameter.grad
        wanted = old - 0.01 * factor * g / (g.abs() + STAGE.epsilon)
        torch.testing.assert_close(parameter.detach(), wanted)
    found.set_rate(0.0)
    before = [p.detach().clone() for p in parameters]
    step(found, 2)
    assert all(torch.equal(p, old) for p, old in zip(parameters, before, strict=True))


@pytest.mark.parametrize("steps", [0, 3])
def test_restored_state_goes_on_as_it_was(steps: int) -> None:
    parameters = weights()
    first = optimizer(parameters)
    for seed in range(steps):
        step(first, seed)
    state = {name: x.clone() for name, x in first.state().items()}
    held = [p.detach().clone() for p in parameters]
    assert len(state) == (6 if steps else 0)
    again = [nn.Parameter(x.clone()) for x in held]
    second = optimizer(again)
    second.restore(state)
    step(first, 9)
    step(second, 9)
    assert all(torch.equal(a, b) for a, b in zip(parameters, again, strict=True))
    with torch.no_grad():
        for parameter, x in zip(parameters, held, strict=True):
            parameter.copy_(x)
    first.restore(state)  # back, and the same step again
    step(first, 9)
    assert all(torch.equal(a, b) for a, b in zip(parameters, again, strict=True))


def test_state_is_restored_in_place_and_laid_out_as_its_parameter() -> None:
    parameters = weights()
    parameters[0].data = parameters[0].data.contiguous(memory_format=torch.channels_last)
    first = optimizer(parameters)
    step(first, 0)
    plain = {
        name: x.clone(memory_format=torch.contiguous_format) for name, x in first.state().items()
    }
    places = {name: x.data_ptr() for name, x in first.state().items()}
    first.restore(plain)
    assert places == {name: x.data_ptr() for name, x in first.state().items()}
    second = optimizer(parameters)
    second.restore(plain)
    assert second.state()["0/exp_avg"].stride() == parameters[0].stride()
    assert math.isclose(second.state()["1/step"].item(), 1)


def test_capture_is_allowed_while_it_lasts_and_forgets_gradients() -> None:
    parameters = weights()
    found = optimizer(parameters)
    step(found, 0)
    groups = found._adam.param_groups
    with found.capturing():
        assert all(group["capturable"] for group in groups)
        assert all(p.grad is None for p in parameters)
    assert not any(group["capturable"] for group in groups)
