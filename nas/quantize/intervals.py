"""Intervals of quantisers that are started from data and trained (DAIA), or only followed."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nas.quantize.fake import SignedGrid, interval_quantize
from nas.quantize.settings import RANGE_SPEED, WARMUP_STEPS

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
    magnitudes is where each starts; what is trained is a factor on it, in units of `RANGE_SPEED`,
    so that a step of the optimiser moves small and large intervals alike.

    Args:
        quantizers: By name.
        grid: Of signed values.
        trained: Else each follows a moving average of the largest magnitudes, and rounds at once.

    Source:
        Wang et al. 2021 (arXiv:2011.14265), section 3.2.
    """

    start: Tensor
    factors: nn.Parameter | None
    _share: Tensor

    def __init__(
        self, quantizers: Mapping[str, Quantizer], grid: SignedGrid, *, trained: bool
    ) -> None:
        super().__init__()
        self.quantizers = dict(quantizers)
        self.estimating = False
        self._grid: SignedGrid = grid
        self._place = {name: place for place, name in enumerate(quantizers)}
        share = torch.tensor(1 - _KEEP)  # of what a step sees; a captured step reads it anew
        self.register_buffer("_share", share, persistent=False)
        unknown = torch.full((len(self.quantizers),), torch.nan)
        self.register_buffer("start", unknown)
        first = torch.full((len(self.quantizers),), 1 / RANGE_SPEED)
        self.factors = nn.Parameter(first) if trained else None

    @property
    def warmup_steps(self) -> int:
        """Steps until all that follow are alike.

        The first one that trains intervals is like no other for the optimiser, too.
        """
        return 0 if self.factors is None else WARMUP_STEPS + 1

    def begin_step(self, step: int) -> None:
        """Which intervals are estimated, and how."""
        self.estimating = self.factors is not None and step < WARMUP_STEPS
        mean = 1 / (step + 1)
        self._share.fill_(mean if self.estimating else max(mean, 1 - _KEEP))

    @torch.no_grad()
    def see(self, name: str, v: Tensor) -> None:
        """Follows values of a quantiser while training, where intervals are not trained now."""
        if self.estimating or self.factors is None:
            kept, found = self.start[self._place[name]], _largest(v)
            followed = kept + self._share * (found - kept)
            kept.copy_(torch.where(self._share < 1, followed, found))  # nothing is kept at first

    @torch.no_grad()
    def take(self, name: str, v: Tensor) -> None:
        """Makes the largest magnitude of `v` the interval."""
        self.start[self._place[name]] = _largest(v)

    def quantize(self, name: str, v: Tensor) -> Tensor:
        """`v`, rounded inside its interval."""
        quantizer, place = self.quantizers[name], self._place[name]
        interval = self.start[place].clone()  # may be followed further before the backward pass
        if self.factors is not None:
            interval = interval * (RANGE_SPEED * self.factors[place])
        return interval_quantize(
            v, interval, bits=quantizer.bits, signed=quantizer.signed, grid=self._grid
        )


def _largest(v: Tensor) -> Tensor:
    return v.detach().abs().amax()
