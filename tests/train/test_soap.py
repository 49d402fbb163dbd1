"""SOAP: Adam in directions that are found for each kernel."""

import pytest
import torch
from torch import Tensor, nn

from nas.train import soap
from nas.train.adam import Adam
from nas.train.hardware import Hardware
from nas.train.soap import Soap
from nas.train.stages import Stage

STAGE = Stage(1, betas=(0.8, 0.9), epsilon=1e-6)
SHAPES = ((6, 3, 3, 3), (6,), (), (4, 6, 1, 1))


def weights() -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]


def optimizer(parameters: list[nn.Parameter]) -> Soap:
    found = Soap({1.0: parameters[:2], 0.5: parameters[2:], 0.1: []}, STAGE, Hardware())
    found.set_rate(0.01)
    return found


def step(found: Soap, done: int) -> None:
    """One with gradients that are the same for the same number."""
    generator = torch.Generator().manual_seed(done)
    for parameter in found.parameters:
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    found.begin_step(done)
    found.step()


def copies(parameters: list[nn.Parameter]) -> list[Tensor]:
    return [p.detach().clone() for p in parameters]


def test_first_step_is_adam_at_the_rate_times_the_factor() -> None:
    """No direction is known yet. By hand: mean and root of the mean square are g and |g|."""
    parameters = weights()
    before = copies(parameters)
    step(optimizer(parameters), 0)
    for parameter, old, factor in zip(parameters, before, (1.0, 1.0, 0.5, 0.5), strict=True):
        assert parameter.grad is not None
        g = parameter.grad
        wanted = old - 0.01 * factor * g / (g.abs() + STAGE.epsilon)
        torch.testing.assert_close(parameter.detach(), wanted)


def test_all_but_kernels_have_adam() -> None:
    ours, plain = weights()[1:3], weights()[1:3]
    found = Soap({1.0: ours}, STAGE, Hardware())
    wanted = Adam({1.0: plain}, STAGE, Hardware())
    for done in range(12):
        for optimizer in (found, wanted):
            generator = torch.Generator().manual_seed(done)
            for parameter in optimizer.parameters:
                parameter.grad = torch.randn(parameter.shape, generator=generator)
            optimizer.set_rate(0.01)
        found.begin_step(done)
        found.step()
        wanted.step()
    for a, b in zip(ours, plain, strict=True):
        torch.testing.assert_close(a, b)


def test_directions_become_those_along_which_gradients_vary() -> None:
    """Gradients are a turned diagonal; along the directions found nothing else is left."""
    generator = torch.Generator().manual_seed(0)
    left = torch.linalg.qr(torch.randn(6, 6, generator=generator)).Q
    right = torch.linalg.qr(torch.randn(27, 27, generator=generator)).Q
    sizes = 2.0 ** -torch.arange(6)
    parameter = nn.Parameter(torch.zeros(6, 3, 3, 3))
    found = Soap({1.0: [parameter]}, STAGE, Hardware())
    for done in range(200):
        signs = torch.randint(0, 2, (6,), generator=generator) * 2.0 - 1
        parameter.grad = (left * (signs * sizes) @ right[:, :6].T).view_as(parameter)
        found.begin_step(done)
        found.step()
    rows = found.state()["0/rows/directions"]
    torch.testing.assert_close(rows.T @ rows, torch.eye(6), rtol=0, atol=1e-5)
    torch.testing.assert_close((rows.T @ left).abs(), torch.eye(6), rtol=0, atol=1e-3)
    columns = found.state()["0/columns/directions"][:, :6]
    torch.testing.assert_close((columns.T @ right[:, :6]).abs(), torch.eye(6), rtol=0, atol=1e-3)


def test_turning_leaves_the_mean_gradient_as_it_is() -> None:
    parameters = weights()
    found = optimizer(parameters)
    for done in range(3):
        step(found, done)
    kernel = found._moments[0]
    before, held = kernel.back(kernel.mean), kernel.mean.clone()
    found.begin_step(10)
    assert not torch.allclose(kernel.mean, held, atol=1e-3)
    torch.testing.assert_close(kernel.back(kernel.mean), before, rtol=0, atol=1e-6)


def test_directions_are_found_in_the_first_steps_and_then_now_and_then() -> None:
    found = optimizer(weights())
    turned = []
    for done in range(25):
        before = found.state()["0/rows/directions"].clone()
        step(found, done)
        if not torch.equal(before, found.state()["0/rows/directions"]):
            turned.append(done)
    assert turned == [1, 2, 3, 4, 10, 20]


@pytest.mark.parametrize("steps", [0, 3, 10])
def test_restored_state_goes_on_as_it_was(steps: int) -> None:
    parameters = weights()
    first = optimizer(parameters)
    for done in range(steps):
        step(first, done)
    state = {name: x.clone() for name, x in first.state().items()}
    places = {name: x.data_ptr() for name, x in first.state().items()}
    held = copies(parameters)
    again = [nn.Parameter(x.clone()) for x in held]
    second = optimizer(again)
    second.restore(state)
    for found in (first, second):
        step(found, steps)
    assert all(torch.equal(a, b) for a, b in zip(parameters, again, strict=True))
    with torch.no_grad():
        for parameter, x in zip(parameters, held, strict=True):
            parameter.copy_(x)
    first.restore(state)  # back, and the same step again
    step(first, steps)
    assert all(torch.equal(a, b) for a, b in zip(parameters, again, strict=True))
    assert places == {name: x.data_ptr() for name, x in first.state().items()}


def test_parameter_without_gradient_stays() -> None:
    parameters = weights()
    before = copies(parameters)
    found = optimizer(parameters)
    parameters[0].grad = torch.ones_like(parameters[0])
    found.step()
    assert [torch.equal(p, old) for p, old in zip(parameters, before, strict=True)] == [
        False,
        True,
        True,
        True,
    ]


def test_long_side_keeps_its_axes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soap, "_LARGEST_SIDE", 6)
    found = optimizer(weights())
    names = {name for name in found.state() if "directions" in name}
    assert names == {"0/rows/directions", "3/rows/directions", "3/columns/directions"}
    for done in range(3):
        step(found, done)
    assert all(p.isfinite().all() for p in found.parameters)


def test_capture_forgets_gradients() -> None:
    parameters = weights()
    found = optimizer(parameters)
    step(found, 0)
    with found.capturing():
        assert all(p.grad is None for p in parameters)
