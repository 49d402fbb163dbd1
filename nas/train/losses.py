"""Losses: what a stage minimises, as frozen tables that can be called."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

__all__ = ["L1", "Batch", "Loss"]


@dataclass(frozen=True, slots=True)
class Batch:
    """What a loss may look at; images are (n, c, h, w) in 0..1.

    Args:
        lr: What the network read.
        hr: What it should have written.
        sr: What it wrote.
        features: VGG-19 features of images, where the user gave its weights.
    """

    lr: Tensor
    hr: Tensor
    sr: Tensor
    features: Callable[[Tensor], list[Tensor]] | None = None


class Loss(Protocol):
    """A scalar that becomes smaller as `sr` comes nearer to `hr`."""

    def __call__(self, batch: Batch) -> Tensor: ...


@dataclass(frozen=True, slots=True)
class L1:
    """Mean absolute error."""

    def __call__(self, batch: Batch) -> Tensor:
        return (batch.sr - batch.hr).abs().mean()
