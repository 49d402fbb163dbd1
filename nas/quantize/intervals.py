"""Intervals of quantisers that are started from data and trained (DAIA), or only followed."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nas.quantize.fake import SignedGrid, interval_quantize
from nas.quantize.settings import WARMUP_STEPS

__all__ = ["Intervals", "Quantizer"]

_KEEP = 0.999  # of the moving average where nothing is trained


@dataclass(frozen=True, slots=True)
class Quantizer:
    """One quantiser.

    Args:
        bits: 2 to 8.
        signed: Whether values may be negative.
    """

    bits: int
    signed: bool


class Intervals(nn.Module):
    """One interval for each of many quantisers.

    Where they are trained, nothing is rounded in the first 20 steps, whose mean of the largest
    magnitudes is where each starts; what is trained is a factor on it, so that a step of the
    optimiser moves small and large intervals alike.

    Args:
        quantizers: By name.
        grid: Of signed values.
        trained: Else each follows a moving average of the largest magnitudes, and rounds at once.

    Source:
        Wang et al. 2021 (arXiv:2011.14265), section 3.2.
    """

    start: Tensor
    factors: nn.Parameter | None

    def __init__(
        self, quantizers: Mapping[str, Quantizer], grid: SignedGrid, *, trained: bool
    ) -> None:
        super().__init__()
        self.quantizers = dict(quantizers)
        self.estimating = False
        self._grid: SignedGrid = grid
        self._place = {name: place for place, name in enumerate(quantizers)}
        self._share = 1 - _KEEP
        unknown = torch.full((len(self.quantizers),), torch.nan)
        self.register_buffer("start", unknown)
        self.factors = nn.Parameter(torch.ones(len(self.quantizers))) if trained else None

    def begin_step(self, step: int) -> None:
        """Which intervals are estimated, and how."""
        self.estimating = self.factors is not None and step < WARMUP_STEPS
        mean = 1 / (step + 1)
        self._share = mean if self.estimating else max(mean, 1 - _KEEP)

    @torch.no_grad()
    def see(self, name: str, v: Tensor) -> None:
        """Follows values of a quantiser while training, where intervals are not trained now."""
        if self.estimating or self.factors is None:
            self._take(name, v, self._share)

    @torch.no_grad()
    def take(self, name: str, v: Tensor) -> None:
        """Makes the largest magnitude of `v` the interval."""
        self._take(name, v, 1.0)

    def _take(self, name: str, v: Tensor, share: float) -> None:
        kept, found = self.start[self._place[name]], v.detach().abs().amax()
        if share == 1:
            kept.copy_(found)
        else:
            kept.lerp_(found, share)

    def quantize(self, name: str, v: Tensor) -> Tensor:
        """`v`, rounded inside its interval."""
        quantizer, place = self.quantizers[name], self._place[name]
        interval = self.start[place].clone()  # may be followed further before the backward pass
        if self.factors is not None:
            interval = interval * self.factors[place]
        return interval_quantize(
            v, interval, bits=quantizer.bits, signed=quantizer.signed, grid=self._grid
        )
