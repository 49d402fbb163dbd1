"""Quantisers that a network trains through: rounded forward, straight through backward.

Rounding passes gradients on unchanged and all else is differentiated, so what a range, step or
interval is taught follows from how the rounded value is made of it.
"""

from typing import Literal

import torch
from torch import Tensor

from nas.quantize.rounding import half_away
from nas.quantize.simulate import quantize_kernel

__all__ = [
    "SignedGrid",
    "dorefa_features",
    "dorefa_kernel",
    "fake_bias",
    "fake_kernel",
    "fake_quantize",
    "grid_tensors",
    "interval_quantize",
    "lsq",
    "pact",
    "round_straight",
]

SignedGrid = Literal["code", "paper"]


class _Round(torch.autograd.Function):
    """Rounds half to even; the gradient passes."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return x.round()

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:
        return gradient


def round_straight(x: Tensor) -> Tensor:
    """`x` rounded half to even, with the gradient of `x`."""
    rounded: Tensor = _Round.apply(x)  # type: ignore[no-untyped-call]
    return rounded


def grid_tensors(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Scale and zero point, float32, of what `scheme.grid_of` makes of each range.

    Args:
        low: float64, any shape; gradients reach it.
        high: Likewise.
    """
    low, high = low.clamp(max=0), high.clamp(min=0)
    scale = ((high - low) / 255).clamp(min=1e-6)
    zero = round_straight(-128 - low / scale).clamp(-128, 127)
    with torch.no_grad():
        stored = scale
        for _ in range(4):
            ends = (stored * (code - zero) for code in (-128, 127))
            bottom, top = (end.float().double() for end in ends)
            stored = ((top - bottom) / 255).float().double()
    return (scale + (stored - scale).detach()).float(), zero.float()


def fake_quantize(x: Tensor, scale: Tensor, zero: Tensor) -> Tensor:
    """`x` on an int8 grid.

    Where `x` is not limited its gradient is one, that of the scale the rounding error in steps;
    where it is, the ends of the range get the gradient.

    Args:
        x: Any shape.
        scale: float32, one number.
        zero: The zero point, float32, a whole number; it shares the device of `x`.
    """
    if not scale.requires_grad:  # one fused op, of the same value
        return torch.fake_quantize_per_tensor_affine(x, scale, zero.int(), -128, 127)
    steps = torch.clamp(x / scale, -128 - zero, 127 - zero)
    return round_straight(steps) * scale


def lsq(x: Tensor, scale: Tensor, zero: Tensor) -> Tensor:
    """`x` on an int8 grid whose step is taught.

    Its gradient is divided by the root of the values in an image times the largest code.

    Source:
        Esser et al. 2020 (arXiv:1902.08153), section 2.2.
    """
    largest = (127 - zero.detach()).clamp(min=1)
    factor = (x[0].numel() * largest).rsqrt()
    step = scale.detach() + (scale - scale.detach()) * factor
    return fake_quantize(x, step, zero.detach())


def pact(x: Tensor, scale: Tensor, zero: Tensor, high: Tensor) -> Tensor:
    """`x` limited to `high`, then on an int8 grid; only what is limited teaches `high`.

    Source:
        Choi et al. 2018 (arXiv:1805.06085), section 3, without its penalty on large clips.
    """
    return fake_quantize(torch.minimum(x, high), scale.detach(), zero.detach())


def fake_kernel(kernel: Tensor, *, axis: int, bits: int) -> tuple[Tensor, Tensor]:
    """A kernel as an INT8 file holds it, and the step of each output channel.

    Args:
        kernel: Four axes.
        axis: That of the output channels.
        bits: Of the kernel; fewer than 8 are held in int8 codes.
    """
    with torch.no_grad():
        found, scale = kernel, kernel
        for width in sorted({bits, 8}):
            codes, scale = quantize_kernel(found, axis=axis, bits=width)
            shape = [-1 if d == axis else 1 for d in range(4)]
            found = (codes * scale.reshape(shape)).float()
    return kernel + (found - kernel).detach(), scale


def fake_bias(bias: Tensor, step: Tensor) -> Tensor:
    """A bias as an INT8 file holds it, in int32 codes of `step` for each channel, float64."""
    with torch.no_grad():
        found = (half_away(bias / step) * step).float()
    return bias + (found - bias).detach()


def interval_quantize(
    v: Tensor, interval: Tensor, *, bits: int, signed: bool, grid: SignedGrid = "code"
) -> Tensor:
    """FQSR's quantiser: `v` on even steps inside an interval that is trained.

    Its gradient to the interval I is (Q(v) - v) / I inside, and outside the end that limits, 1, 0
    or -1.

    Args:
        v: Any shape.
        interval: One number; its magnitude counts.
        bits: M. Unsigned values have 2^M levels from 0 to I.
        signed: Whether the interval reaches from -I to I.
        grid: Signed levels: "code" has 2^M without zero; "paper" 2 (2^M - 1) + 1 with zero.

    Source:
        Wang et al. 2021 (arXiv:2011.14265), section 3.1, and the authors' code, whose signed grid
        differs.
    """
    width, levels = interval.abs().clamp(min=1e-8), (1 << bits) - 1
    inside = torch.clamp(v / width, -1.0 if signed else 0.0, 1.0)
    if signed and grid == "code":
        return (round_straight((inside + 1) / 2 * levels) / levels * 2 - 1) * width
    return round_straight(inside * levels) / levels * width


def dorefa_kernel(kernel: Tensor, *, bits: int) -> Tensor:
    """A kernel squashed by tanh, with 2^bits levels from -1 to 1.

    Source:
        Zhou et al. 2016 (arXiv:1606.06160), section 2.3.
    """
    squashed = kernel.tanh()
    share = squashed / (2 * squashed.abs().max()) + 0.5
    levels = (1 << bits) - 1
    return 2 * round_straight(share * levels) / levels - 1


def dorefa_features(x: Tensor, *, bits: int) -> Tensor:
    """Values limited to 0..1, with 2^bits levels.

    Source:
        Zhou et al. 2016 (arXiv:1606.06160), section 2.3.
    """
    levels = (1 << bits) - 1
    return round_straight(x.clamp(0, 1) * levels) / levels
