"""Patches for every stage of a training, on the device that trains."""

from collections.abc import Sequence
from functools import cached_property

import torch

from nas.data.images import Pair
from nas.data.patches import CALIBRATION_LR_SIZE, Augment, PatchSampler, calibration_patches
from nas.train.pool import PixelPool, is_pooled, shared_pool
from nas.train.solve_set import SolveSet
from nas.train.sources import HostSource, PoolSource
from nas.train.stages import Stage

__all__ = ["Feed"]

_SOLVE_PATCHES = 48
_MOST_OF_MEMORY = 0.5  # of what is free on a GPU, for the images


class Feed:
    """The images of a training run, and the patches that each stage cuts from them.

    Args:
        pairs: Training images.
        scale: Whole factor between LR and HR.
        seed: Of the patches.
    """

    def __init__(self, pairs: Sequence[Pair], *, scale: int, seed: int) -> None:
        self.scale = scale
        self._pairs = pairs
        self._seed = seed
        self._pools: dict[str, PixelPool] = {}

    def sampler(self, lr_patch: int, augment: Augment) -> PatchSampler:
        """Draws and cuts patches; the same ones for the same step whoever asks.

        Raises:
            DataError: No image is as large as a patch.
        """
        return PatchSampler(
            self._pairs, lr_patch=lr_patch, scale=self.scale, seed=self._seed, augment=augment
        )

    @cached_property
    def solve_set(self) -> SolveSet:
        """Patches for closed-form readouts and for calibration."""
        lr, hr = calibration_patches(
            self._pairs,
            lr_size=CALIBRATION_LR_SIZE,
            count=_SOLVE_PATCHES,
            seed=self._seed + 1,
            scale=self.scale,
        )
        return SolveSet(lr, hr)

    def largest_patch(self, wanted: int) -> int:
        """`wanted`, or where most images are smaller, the size that half of them still have."""
        sides = sorted(min(pair.lr.shape[:2]) for pair in self._pairs)
        return int(min(wanted, sides[len(sides) // 2]))

    def source(self, stage: Stage, device: str) -> HostSource | PoolSource:
        """The patches of a stage on a device; gathered there where all images fit on a GPU."""
        sampler = self.sampler(self.largest_patch(stage.lr_patch), stage.augment)
        if device == "cpu" or not self._fit_on(device):
            return HostSource(sampler, stage.batch_size, device)
        pool = self._pools[device] = shared_pool(self._pairs, device)
        return PoolSource(sampler, stage.batch_size, pool)

    def _fit_on(self, device: str) -> bool:
        size_bytes = sum(pair.lr.nbytes + pair.hr.nbytes for pair in self._pairs)
        return is_pooled(self._pairs, device) or (
            size_bytes < _MOST_OF_MEMORY * torch.cuda.mem_get_info(device)[0]
        )
