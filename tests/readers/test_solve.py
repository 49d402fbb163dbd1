"""The readout in closed form."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from nas.graph import DepthToSpace, GraphBuilder
from nas.readers.solve import ridge_readout
from nas.readers.to_torch import space_to_depth, to_torch


@given(block=st.integers(1, 4), colours=st.integers(1, 4))
def test_space_to_depth_inverts_depth_to_space(block: int, colours: int) -> None:
    g = GraphBuilder(colours * block**2)
    module = to_torch(g.graph(g.append(DepthToSpace(block), g.input)))
    x = torch.rand(2, colours * block**2, 3, 5)
    torch.testing.assert_close(space_to_depth(module(x), block), x, rtol=0, atol=0)


def test_space_to_depth_writes_row_column_colour() -> None:
    image = torch.tensor([[[10, 20], [30, 40]], [[11, 21], [31, 41]]])[None]
    assert space_to_depth(image, 2).flatten().tolist() == [10, 11, 20, 21, 30, 31, 40, 41]


@pytest.fixture
def features() -> torch.Tensor:
    return torch.randn(10, 4, 9, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("biased", [True, False])
def test_solve_recovers_a_known_convolution(features: torch.Tensor, k: int, biased: bool) -> None:
    torch.manual_seed(1)
    kernel, bias = torch.randn(6, 4, k, k), torch.randn(6) if biased else None
    target = functional.conv2d(features, kernel, bias, padding=k // 2)
    start = None if bias is None else torch.zeros(6)
    solution = ridge_readout(features, target, torch.zeros_like(kernel), start, ridge=1e-9)
    torch.testing.assert_close(solution.kernel, kernel, rtol=0, atol=1e-4)
    if bias is None:
        assert solution.bias is None
    else:
        torch.testing.assert_close(solution.bias, bias, rtol=0, atol=1e-4)
    assert solution.normal.shape == (4 * k * k + biased,) * 2


def test_great_ridge_stays_at_the_present_kernel(features: torch.Tensor) -> None:
    kernel, bias = torch.full((6, 4, 3, 3), 0.25), torch.full((6,), -0.5)
    target = torch.randn(10, 6, 9, 8)
    solution = ridge_readout(features, target, kernel, bias, ridge=1e9)
    torch.testing.assert_close(solution.kernel, kernel, rtol=0, atol=1e-6)
    torch.testing.assert_close(solution.bias, bias, rtol=0, atol=1e-6)


def test_less_ridge_fits_better(features: torch.Tensor) -> None:
    target = torch.randn(10, 6, 9, 8, generator=torch.Generator().manual_seed(2))
    kernel, bias = torch.zeros(6, 4, 3, 3), torch.zeros(6)
    errors = []
    for ridge in (1e-3, 1.0, 1e3):
        s = ridge_readout(features, target, kernel, bias, ridge=ridge)
        written = functional.conv2d(features, s.kernel, s.bias, padding=1)
        errors.append(float((written - target).square().mean()))
    assert errors == sorted(errors)
    assert errors[0] < errors[-1] <= float(target.square().mean())


def test_kernel_that_is_right_already_stays_whatever_the_ridge(features: torch.Tensor) -> None:
    kernel, bias = torch.randn(6, 4, 3, 3), torch.randn(6)
    target = functional.conv2d(features, kernel, bias, padding=1)
    solution = ridge_readout(features, target, kernel, bias, ridge=1.0)
    torch.testing.assert_close(solution.kernel, kernel, rtol=0, atol=1e-4)
    torch.testing.assert_close(solution.bias, bias, rtol=0, atol=1e-4)
