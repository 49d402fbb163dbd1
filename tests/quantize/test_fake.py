"""Quantisers for training: written out in numpy, with the gradients that their papers print."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from nas.quantize.fake import (
    dorefa_features,
    dorefa_kernel,
    fake_bias,
    fake_kernel,
    fake_quantize,
    grid_tensors,
    interval_quantize,
    lsq,
    pact,
    round_straight,
)
from nas.quantize.scheme import grid_of
from nas.quantize.simulate import quantize_kernel

drawn = np.random.default_rng(0).normal(0, 0.8, 2000).astype(np.float32)
ranges = st.tuples(st.floats(-100, 100, width=32), st.floats(-100, 100, width=32)).map(sorted)


def values() -> Tensor:
    return torch.from_numpy(drawn).clone().requires_grad_()


def gradients(y: Tensor, *leaves: Tensor) -> list[np.ndarray]:
    return [gradient.numpy() for gradient in torch.autograd.grad(y.sum(), leaves)]


def test_rounding_is_to_even_and_passes_gradients_on() -> None:
    x = torch.tensor([-1.5, 0.5, 0.6, 2.5], requires_grad=True)
    y = round_straight(x)
    assert y.tolist() == [-2, 0, 1, 2]
    assert torch.autograd.grad(y, x, torch.tensor([1.0, 2.0, 3.0, 4.0]))[0].tolist() == [1, 2, 3, 4]


def check_grids(spans: list[list[float]]) -> None:
    scale, zero = grid_tensors(*torch.tensor(spans, dtype=torch.float64).T)
    expected = [grid_of(*span) for span in spans]
    assert scale.double().tolist() == [np.float32(grid.scale) for grid in expected]
    assert zero.tolist() == [grid.zero_point for grid in expected]


@given(spans=st.lists(ranges, min_size=1, max_size=8))
def test_grids_in_tensors_are_those_of_the_scheme(spans: list[list[float]]) -> None:
    check_grids(spans)


def test_grids_in_tensors_have_the_scales_of_a_file_to_the_last_bit() -> None:
    rng = np.random.default_rng(1)
    check_grids(np.sort(rng.normal(0, 1, (5000, 2)), axis=1).tolist())


@pytest.mark.parametrize("trained", [True, False])
def test_values_lie_on_the_grid_and_are_limited_by_it(trained: bool) -> None:
    scale, zero = torch.tensor(0.007, requires_grad=trained), torch.tensor(-30.0)
    found = fake_quantize(values(), scale, zero).detach().numpy()
    codes = np.clip(np.round(drawn / np.float32(0.007)), -128 + 30, 127 + 30)
    np.testing.assert_allclose(found, codes * np.float32(0.007), rtol=1e-6)


def test_gradient_of_the_step_is_the_rounding_error_inside_and_the_limit_outside() -> None:
    x, step = values(), torch.tensor(0.007, requires_grad=True)
    y = fake_quantize(x, step, torch.tensor(-30.0))
    (to_x,) = gradients(y, x)
    v = drawn / np.float32(0.007)
    inside = (v > -98) & (v < 157)
    assert 0.1 < inside.mean() < 0.9
    np.testing.assert_array_equal(to_x, inside)
    each = torch.autograd.functional.jacobian(
        lambda s: fake_quantize(torch.from_numpy(drawn), s, torch.tensor(-30.0)), step
    )
    expected = np.where(inside, np.round(v) - v, np.clip(v, -98, 157))
    np.testing.assert_allclose(each.numpy(), expected, atol=1e-3)


def test_gradient_of_the_ends_of_a_range() -> None:
    """Inside, both stretch the steps; outside, the end that limits has one, the other none."""

    def quantized(low: Tensor, high: Tensor) -> Tensor:
        return fake_quantize(torch.from_numpy(drawn), *grid_tensors(low, high))

    ends = (torch.tensor(-0.5, dtype=torch.float64), torch.tensor(1.0, dtype=torch.float64))
    y = quantized(*ends).numpy()
    to_low, to_high = (g.numpy() for g in torch.autograd.functional.jacobian(quantized, ends))
    grid = grid_of(-0.5, 1.0)
    below, above = drawn < grid.low, drawn > grid.high
    inside = ~(below | above)
    assert min(below.sum(), above.sum(), inside.sum()) > 100
    np.testing.assert_allclose(to_high[inside], (y - drawn)[inside] / 1.5, atol=1e-5)
    np.testing.assert_allclose(to_low[inside], -(y - drawn)[inside] / 1.5, atol=1e-5)
    for limited, low, high in ((below, 1, 0), (above, 0, 1)):
        np.testing.assert_allclose(to_low[limited], low, atol=1e-5)
        np.testing.assert_allclose(to_high[limited], high, atol=1e-5)


def test_lsq_divides_the_gradient_of_the_step_by_the_root_of_count_times_largest_code() -> None:
    x = torch.from_numpy(drawn).reshape(2, 10, 10, 10)
    step, zero = torch.tensor(0.007, requires_grad=True), torch.tensor(-30.0)
    plain = gradients(fake_quantize(x, step, zero), step)[0]
    found = gradients(lsq(x, step, zero), step)[0]
    assert found == pytest.approx(plain / np.sqrt(1000 * 157), rel=1e-4)  # values of an image
    torch.testing.assert_close(lsq(x, step, zero), fake_quantize(x, step, zero))


def test_pact_teaches_the_clip_by_what_is_clipped_only() -> None:
    x, high = values(), torch.tensor(0.6, requires_grad=True)
    scale, zero = (end.detach() for end in grid_tensors(torch.tensor(0.0), high.double()))
    y = pact(x, scale, zero, high)
    to_x, to_high = gradients(y, x, high)
    assert to_high == (drawn > 0.6).sum()
    np.testing.assert_array_equal(to_x, (drawn > -0.5 * 0.6 / 255) & (drawn <= 0.6))
    expected = np.round(np.clip(drawn, 0, 0.6) / (0.6 / 255)) * (0.6 / 255)
    np.testing.assert_allclose(y.detach().numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("bits", [8, 4, 2])
def test_kernel_is_the_one_that_a_file_holds(bits: int) -> None:
    kernel = torch.randn(6, 4, 3, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    found, steps = fake_kernel(kernel, axis=0, bits=bits)
    narrow_codes, scale = quantize_kernel(kernel.detach(), bits=bits)
    codes, narrow_scale = quantize_kernel((narrow_codes * scale.reshape(-1, 1, 1, 1)).float())
    torch.testing.assert_close(steps, narrow_scale)
    torch.testing.assert_close(found, (codes * steps.reshape(-1, 1, 1, 1)).float())
    assert len(codes[0].unique()) <= 2**bits - 1
    assert gradients(found, kernel)[0].tolist() == torch.ones_like(kernel).tolist()


def test_bias_is_a_whole_number_of_steps() -> None:
    bias = torch.tensor([0.26, -0.25, 7.0], requires_grad=True)
    found = fake_bias(bias, torch.tensor([0.1, 0.1, 0.5], dtype=torch.float64))
    torch.testing.assert_close(found, torch.tensor([0.3, -0.3, 7.0]))  # half a step: away from 0
    assert gradients(found, bias)[0].tolist() == [1, 1, 1]


QUANTIZERS = {  # Q(v) of an interval I and n = 2^M - 1, written out
    "unsigned": (False, "code", lambda v, i, n: np.round(np.clip(v / i, 0, 1) * n) * i / n),
    "code": (
        True,
        "code",
        lambda v, i, n: (np.round((np.clip(v / i, -1, 1) + 1) / 2 * n) / n * 2 - 1) * i,
    ),
    "paper": (True, "paper", lambda v, i, n: np.round(np.clip(v / i, -1, 1) * n) * i / n),
}
LEVELS = {"unsigned": 16, "code": 16, "paper": 31}  # at 4 bits
each_quantizer = pytest.mark.parametrize("name", QUANTIZERS)


@each_quantizer
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_interval_quantizer_written_out(name: str, bits: int) -> None:
    signed, grid, written = QUANTIZERS[name]
    interval = torch.tensor(0.9)
    found = interval_quantize(values(), interval, bits=bits, signed=signed, grid=grid)
    expected = written(drawn, np.float32(0.9), 2**bits - 1)
    np.testing.assert_allclose(found.detach().numpy(), expected, atol=1e-6)


@each_quantizer
def test_levels_of_four_bits(name: str) -> None:
    signed, grid, _ = QUANTIZERS[name]
    v = torch.linspace(-2, 2, 4001)
    found = interval_quantize(v, torch.tensor(1.0), bits=4, signed=signed, grid=grid).unique()
    assert len(found) == LEVELS[name]
    assert (found == 0).any() == (name != "code")
    assert found[-1] == 1
    assert found[0] == (-1 if signed else 0)


@each_quantizer
def test_gradient_of_an_interval(name: str) -> None:
    """(Q(v) - v) / I inside; beyond it the sign of the end, or 0 below what is unsigned."""
    signed, grid, _ = QUANTIZERS[name]

    def quantized(interval: Tensor) -> Tensor:
        v = torch.from_numpy(drawn)
        return interval_quantize(v, interval, bits=3, signed=signed, grid=grid)

    interval = torch.tensor(0.7)
    found = torch.autograd.functional.jacobian(quantized, interval).numpy()
    y = quantized(interval).numpy()
    low = -0.7 if signed else 0.0
    inside = (low < drawn) & (drawn < 0.7)
    outside = np.where(drawn > 0.7, 1, -1 if signed else 0)
    assert 0.1 < inside.mean() < 0.9
    np.testing.assert_allclose(found, np.where(inside, (y - drawn) / 0.7, outside), atol=1e-5)
    x = values()
    (to_x,) = gradients(interval_quantize(x, interval, bits=3, signed=signed, grid=grid), x)
    np.testing.assert_allclose(to_x, inside, atol=1e-6)


def test_sign_of_an_interval_does_not_count_and_zero_is_no_error() -> None:
    x = values()
    for interval in (-0.7, 0.0):
        y = interval_quantize(x, torch.tensor(interval), bits=3, signed=True).detach()
        assert y.isfinite().all()
        assert y.abs().max() == pytest.approx(abs(interval), abs=1e-7)


@pytest.mark.parametrize("bits", [2, 4])
def test_dorefa_written_out(bits: int) -> None:
    n = 2**bits - 1
    kernel, x = values(), values()
    found = dorefa_kernel(kernel, bits=bits)
    squashed = np.tanh(drawn)
    expected = 2 * np.round((squashed / (2 * np.abs(squashed).max()) + 0.5) * n) / n - 1
    np.testing.assert_allclose(found.detach().numpy(), expected, atol=1e-6)
    rounded = dorefa_features(x, bits=bits)
    np.testing.assert_allclose(
        rounded.detach().numpy(), np.round(np.clip(drawn, 0, 1) * n) / n, atol=1e-6
    )
    np.testing.assert_allclose(gradients(rounded, x)[0], (drawn > 0) & (drawn < 1), atol=1e-6)
    (to_kernel,) = gradients(found, kernel)
    others = np.abs(squashed) < np.abs(squashed).max()
    slope = (1 - squashed**2) / np.abs(squashed).max()
    np.testing.assert_allclose(to_kernel[others], slope[others], rtol=1e-4)
