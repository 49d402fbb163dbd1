"""Roundings of integer kernels, worked out by hand."""

import torch

from nas.quantize.kernels import leak_codes, moved_codes, prelu_codes


def test_moved_codes_are_rounded_twice() -> None:
    """A ratio of .3 is .6 halved: 8 becomes 4.8, 5, 2.5 and at last 3, not 2.4 and 2."""
    codes = torch.tensor([7.0, 8.0, -8.0, 2.0])
    assert moved_codes(codes, torch.tensor(0.3)).tolist() == [2, 3, -3, 1]


def test_moved_codes_of_a_large_ratio_are_rounded_once() -> None:
    codes = torch.tensor([3.0, -3.0])
    assert moved_codes(codes, torch.tensor(2.5)).tolist() == [8, -7]  # half a step rounds up


def test_leak_has_slopes_in_256ths_and_rounds_half_a_step_up() -> None:
    codes = torch.tensor([-5.0, 5.0, -7.0])
    # 256 * .1 is 26, and -5 * 26 is -130 of 256, beyond half a step
    assert leak_codes(codes, 0.1, torch.tensor(1.0)).tolist() == [-1, 5, -1]
    assert leak_codes(codes, 0.5, torch.tensor(0.5)).tolist() == [-1, 3, -2]  # -1.25, 2.5, -1.75


def test_prelu_has_slopes_on_one_grid() -> None:
    codes = torch.tensor([-10.0, -10.0, 10.0]).reshape(1, 3, 1, 1)
    slopes = torch.tensor([1.27, 0.014, 0.5])  # codes 127, 1 and 50 of 0.01
    found = prelu_codes(codes, slopes, torch.tensor(1.0)).flatten()
    assert found.tolist() == [-13, 0, 10]  # -12.7, -0.1
