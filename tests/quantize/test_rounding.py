"""Rounding with feedback: on the grid, and nearer to the float output than plain rounding."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from nas.quantize.rounding import round_with_feedback
from nas.quantize.simulate import quantize_kernel
from nas.readers.solve import ridge_readout


def correlated_features() -> Tensor:
    """Ten channels that are nearly one picture, as the features of a small network are."""
    generator = torch.Generator().manual_seed(0)
    smooth = functional.avg_pool2d(torch.rand(8, 1, 16, 16, generator=generator), 3, 1, 1)
    return smooth + 0.05 * torch.rand(8, 10, 16, 16, generator=generator)


def solved(k: int, *, biased: bool) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
    """Features, then kernel, bias and normal matrix of a convolution solved on them."""
    x = correlated_features()
    generator = torch.Generator().manual_seed(1)
    kernel = torch.randn(6, 10, k, k, generator=generator)
    bias = torch.randn(6, generator=generator) if biased else None
    target = functional.conv2d(x, kernel, bias, padding=k // 2)
    solution = ridge_readout(x, target, kernel, bias, ridge=1e-3)
    return x, solution.kernel, solution.bias, solution.normal


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("k", [1, 3])
def test_kernel_lies_on_the_grid_that_its_largest_weight_sets(k: int, biased: bool) -> None:
    _, kernel, bias, normal = solved(k, biased=biased)
    rounded, new_bias = round_with_feedback(kernel, bias, normal)
    scale = kernel.abs().amax(dim=(1, 2, 3)) / 127
    codes = rounded / scale[:, None, None, None]
    torch.testing.assert_close(codes, codes.round(), rtol=0, atol=1e-3)
    assert codes.abs().amax(dim=(1, 2, 3)).tolist() == pytest.approx([127] * 6)
    assert (new_bias is None) == (bias is None)
    again, same_scale = (part.float() for part in quantize_kernel(rounded))  # changes nothing
    torch.testing.assert_close(same_scale, scale)
    torch.testing.assert_close(again, codes, rtol=0, atol=1e-3)


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("k", [1, 3])
def test_error_is_smaller_than_that_of_plain_rounding(k: int, biased: bool) -> None:
    x, kernel, bias, normal = solved(k, biased=biased)
    expected = functional.conv2d(x, kernel, bias, padding=k // 2)

    def error(weights: Tensor, offset: Tensor | None) -> float:
        return float((functional.conv2d(x, weights, offset, padding=k // 2) - expected).norm())

    codes, scale = (part.float() for part in quantize_kernel(kernel))
    plain = error(codes * scale[:, None, None, None], bias)
    share = {1: 0.9, 3: 0.5}[k]  # the more weights read alike features, the more can cancel
    assert error(*round_with_feedback(kernel, bias, normal)) < share * plain


def test_kernel_on_the_grid_stays() -> None:
    kernel = torch.tensor([127.0, -3.0, 60.0, 0.0]).reshape(1, 4, 1, 1) / 64
    rounded, bias = round_with_feedback(kernel, torch.ones(1), torch.eye(5, dtype=torch.float64))
    torch.testing.assert_close(rounded, kernel)
    torch.testing.assert_close(bias, torch.ones(1))


def test_kernel_of_zeros_is_no_division_by_zero() -> None:
    rounded, _ = round_with_feedback(
        torch.zeros(2, 3, 1, 1), None, torch.eye(3, dtype=torch.float64)
    )
    assert not rounded.any()


def test_feedback_never_pushes_a_weight_off_the_grid() -> None:
    kernel = torch.tensor([0.45, 0.2, 126.95, 127.0]).reshape(1, 4, 1, 1)
    normal = torch.eye(4, dtype=torch.float64) * 1e-6
    normal[:3, :3] += 1  # three features alike: 126.95 should become 126.95 + 0.45 + 0.2
    normal[3, 3] = 1
    rounded, _ = round_with_feedback(kernel, None, normal)
    assert rounded.flatten().tolist() == [0, 0, 127, 127]


@pytest.mark.parametrize("bits", [8, 4])
def test_channels_may_share_a_grid_of_fewer_codes(bits: int) -> None:
    _, kernel, bias, normal = solved(3, biased=True)
    peak = kernel.abs().max()
    rounded, _ = round_with_feedback(kernel, bias, normal, peak=peak.expand(6), bits=bits)
    codes = rounded / (peak / (2 ** (bits - 1) - 1))
    torch.testing.assert_close(codes, codes.round(), rtol=0, atol=1e-3)
    assert float(rounded.abs().max()) == pytest.approx(float(peak))  # the grid stays
    smaller = rounded.abs().amax(dim=(1, 2, 3)) < 0.99 * peak
    assert smaller.any()
