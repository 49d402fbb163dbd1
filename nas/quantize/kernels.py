"""Integer kernels whose rounding differs from that of the real value, on grids held in tensors.

The same arithmetic as in `simulate`, where grids are plain numbers. Codes count from the zero
point.
"""

import torch
from torch import Tensor

from nas.quantize.rounding import half_away

__all__ = ["leak_codes", "moved_codes", "prelu_codes"]


def moved_codes(codes: Tensor, ratio: Tensor) -> Tensor:
    """Codes times `ratio`, rounded after its mantissa and again after its power of two."""
    mantissa, exponent = torch.frexp(ratio)
    up, down = exponent.clamp(min=0), exponent.clamp(max=0)
    once = (codes * torch.ldexp(mantissa, up) + 0.5).floor()
    return half_away(torch.ldexp(once, down))


def leak_codes(codes: Tensor, slope: float, ratio: Tensor) -> Tensor:
    """A leaky rectifier, both slopes in fixed point of 8 bits; half a step rounds up."""
    below, above = ((256 * ratio * factor).round().float() for factor in (slope, 1.0))
    return ((codes * torch.where(codes < 0, below, above) + 128) / 256).floor()


def prelu_codes(codes: Tensor, slope: Tensor, ratio: Tensor) -> Tensor:
    """A rectifier whose slopes (channels,) lie on one symmetric int8 grid."""
    step = slope.abs().max().clamp(min=1e-12) / 127
    slopes = half_away(slope.double() / step)[:, None, None].float()
    below = moved_codes(codes * slopes, ratio * step)
    return torch.where(codes < 0, below, moved_codes(codes, ratio))
