"""Losses: what a stage minimises, as frozen tables that can be called.

They are tensor operations only, which a CUDA graph can hold, and their gradients are finite where
`sr` is `hr`.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

__all__ = [
    "CONV5_4",
    "L1",
    "L2",
    "Batch",
    "Charbonnier",
    "Contrastive",
    "DctL1",
    "Loss",
    "Perceptual",
    "PsnrLoss",
    "S2dL1",
    "WeightedSum",
    "feature_layers",
]

CONV5_4 = 34  # the last convolution of VGG-19, before its ReLU, as perceptual losses use it most
_SMALL = 1e-8  # keeps logarithms and quotients finite


@dataclass(frozen=True, slots=True)
class Batch:
    """What a loss may look at; images are (n, c, h, w) in 0..1.

    Args:
        lr: What the network read.
        hr: What it should have written.
        sr: What it wrote.
        features: VGG-19 features of images by layer, at least those in `feature_layers` of the
            loss.
    """

    lr: Tensor
    hr: Tensor
    sr: Tensor
    features: Callable[[Tensor], Mapping[int, Tensor]] | None = None


class Loss(Protocol):
    """A scalar that becomes smaller as `sr` comes nearer to `hr`."""

    def __call__(self, batch: Batch) -> Tensor: ...


@dataclass(frozen=True, slots=True)
class L1:
    """Mean absolute error."""

    def __call__(self, batch: Batch) -> Tensor:
        return (batch.sr - batch.hr).abs().mean()


@dataclass(frozen=True, slots=True)
class L2:
    """Mean squared error."""

    def __call__(self, batch: Batch) -> Tensor:
        return (batch.sr - batch.hr).square().mean()


@dataclass(frozen=True, slots=True)
class Charbonnier:
    """Mean of sqrt(difference^2 + epsilon^2): L2 below `epsilon`, L1 above."""

    epsilon: float = 0.1

    def __call__(self, batch: Batch) -> Tensor:
        return ((batch.sr - batch.hr).square() + self.epsilon**2).sqrt().mean()


@dataclass(frozen=True, slots=True)
class PsnrLoss:
    """Minus the PSNR in dB, mean over the images."""

    def __call__(self, batch: Batch) -> Tensor:
        errors = (batch.sr - batch.hr).square().mean(dim=(1, 2, 3))
        return 10 * (errors + _SMALL).log10().mean()


@dataclass(frozen=True, slots=True)
class DctL1:
    """Mean absolute difference of the orthonormal DCT-II of square blocks.

    Rows and columns beyond the last whole block do not count.

    Args:
        block: Side in pixels.
    """

    block: int = 8

    def __call__(self, batch: Batch) -> Tensor:
        size = self.block
        rows, columns = batch.hr.shape[2] // size, batch.hr.shape[3] // size
        difference = (batch.sr - batch.hr)[:, :, : rows * size, : columns * size]
        blocks = difference.reshape(-1, rows, size, columns, size).transpose(2, 3)
        waves = self._waves(difference)
        return (waves @ blocks @ waves.mT).abs().mean()

    def _waves(self, like: Tensor) -> Tensor:
        """(frequency, place); made on the device, for nothing may be copied to it in a graph."""
        place = torch.arange(self.block, device=like.device, dtype=like.dtype)
        waves = (math.pi / self.block * (place + 0.5) * place[:, None]).cos()
        constant = 1 - (1 - math.sqrt(0.5)) * (place == 0)[:, None]
        return waves * constant * math.sqrt(2 / self.block)


@dataclass(frozen=True, slots=True)
class S2dL1:
    """L1, and L1 of the images that space-to-depth makes small: blocks are averaged.

    Without the average the second were the first again, whose pixels it only puts elsewhere.

    Args:
        block: Side in pixels.
    """

    block: int = 3

    def __call__(self, batch: Batch) -> Tensor:
        difference = batch.sr - batch.hr
        return difference.abs().mean() + functional.avg_pool2d(difference, self.block).abs().mean()


@dataclass(frozen=True, slots=True)
class Perceptual:
    """Mean absolute difference of VGG-19 features, mean over layers.

    Args:
        layers: Of `features` in torchvision's VGG-19.
    """

    layers: tuple[int, ...] = (CONV5_4,)

    def __call__(self, batch: Batch) -> Tensor:
        features = _features_of(batch)
        wanted, found = features(batch.hr), features(batch.sr)
        distances = [(found[layer] - wanted[layer]).abs().mean() for layer in self.layers]
        return torch.stack(distances).mean()


@dataclass(frozen=True, slots=True)
class Contrastive:
    """Distance from `hr` over the summed distances from blurred images, in VGG-19 features.

    The blurred ones are bicubic upscalings of the patch itself and of those after it in the batch,
    in a circle; there are never more than patches.

    Args:
        negatives: How many blurred images each patch is held against.
        layers: Of `features` in torchvision's VGG-19; the loss is the mean over them.
    """

    negatives: int = 16
    layers: tuple[int, ...] = (CONV5_4,)

    def __call__(self, batch: Batch) -> Tensor:
        features = _features_of(batch)
        wanted, found = features(batch.hr), features(batch.sr)
        blurred = features(_bicubic(batch))
        turns = range(min(self.negatives, len(batch.sr)))
        quotients = []
        for layer in self.layers:
            near = _distance(found[layer], wanted[layer])
            far = [_distance(found[layer], blurred[layer].roll(-turn, 0)) for turn in turns]
            quotients.append((near / (torch.stack(far).sum(dim=0) + _SMALL)).mean())
        return torch.stack(quotients).mean()


@dataclass(frozen=True, slots=True)
class WeightedSum:
    """Several losses, each times its weight."""

    terms: tuple[tuple[float, Loss], ...]

    def __call__(self, batch: Batch) -> Tensor:
        return torch.stack([weight * loss(batch) for weight, loss in self.terms]).sum()


def feature_layers(loss: Loss) -> tuple[int, ...]:
    """The layers of VGG-19 that a loss looks at, ascending; empty where it needs no VGG-19."""
    if isinstance(loss, WeightedSum):
        return tuple(sorted({n for _, term in loss.terms for n in feature_layers(term)}))
    return tuple(sorted(loss.layers)) if isinstance(loss, Perceptual | Contrastive) else ()


def _features_of(batch: Batch) -> Callable[[Tensor], Mapping[int, Tensor]]:
    if batch.features is None:
        raise ValueError("the loss needs VGG-19 features, and the batch has none")
    return batch.features


def _distance(a: Tensor, b: Tensor) -> Tensor:
    """Mean absolute difference of each image, (n,)."""
    return (a - b).abs().mean(dim=(1, 2, 3))


def _bicubic(batch: Batch) -> Tensor:
    """The LR enlarged; `antialias` makes it cubic convolution with a = -1/2, as is usual."""
    size = batch.hr.shape[2:]
    large = functional.interpolate(batch.lr, size=size, mode="bicubic", antialias=True)
    return large.clamp(0, 1)
