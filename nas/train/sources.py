"""Patches of a stage, cut on the processor or gathered on a GPU."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from nas.data.patches import PatchSampler
from nas.readers.to_torch import image_tensor
from nas.train.pool import READS, PixelPool

__all__ = ["HostSource", "PoolSource"]


class HostSource:
    """Cuts patches on the processor; for a GPU a step ahead, in a thread.

    Args:
        sampler: Draws and cuts.
        size: Patches a step.
        device: Where they go.
    """

    def __init__(self, sampler: PatchSampler, size: int, device: str) -> None:
        self._sampler = sampler
        self._size = size
        self._device = device
        self._thread = None if device == "cpu" else ThreadPoolExecutor(1)
        self._ahead: dict[int, Future[tuple[Tensor, Tensor]]] = {}

    def patches(self, step: int) -> tuple[Tensor, Tensor]:
        """(lr, hr) of a step of the training, (n, c, h, w) in 0..1, channels last in memory."""
        if self._thread is None:
            return self._cut(step)
        found = self._ahead.pop(step, None) or self._thread.submit(self._cut, step)
        self._ahead = {step + 1: self._thread.submit(self._cut, step + 1)}
        lr, hr = (x.to(self._device, non_blocking=True) for x in found.result())
        return lr, hr

    def _cut(self, step: int) -> tuple[Tensor, Tensor]:
        draws = self._sampler.draws(step, self._size)
        lr, hr = (image_tensor(x) for x in self._sampler.cut(draws))
        if self._sampler.augment.intensities != (1.0,):
            factors = torch.from_numpy(draws.intensities)[:, None, None, None]
            lr, hr = lr.mul_(factors), hr.mul_(factors)
        return (lr, hr) if self._thread is None else (lr.pin_memory(), hr.pin_memory())


class PoolSource:
    """Draws on the processor, many steps at once, and gathers on the device.

    Args:
        sampler: Draws.
        size: Patches a step.
        pool: Holds the images of the sampler on the device, and maybe others.
    """

    def __init__(self, sampler: PatchSampler, size: int, pool: PixelPool) -> None:
        self._sampler = sampler
        self._size = size
        self._pool = pool
        place = {id(pair): index for index, pair in enumerate(pool.pairs)}
        self._places = np.array([place[id(pair)] for pair in sampler.pairs])

    @property
    def device(self) -> str:
        return self._pool.device

    def reads(self, begin: int, end: int) -> Tensor:
        """What steps `begin` to `end` gather, (end - begin, size, 10), on the processor."""
        found = torch.empty(end - begin, self._size, READS, dtype=torch.float64)
        for place, step in enumerate(range(begin, end)):
            found[place] = self._reads_of(step)
        return found

    def gather(self, reads: Tensor) -> tuple[Tensor, Tensor]:
        """(lr, hr) of one step's `reads` (size, 10), as `HostSource.patches` gives them."""
        return self._pool.gather(reads, self._sampler.lr_patch, self._sampler.scale)

    def _reads_of(self, step: int) -> Tensor:
        draws = self._sampler.draws(step, self._size)
        draws = replace(draws, images=self._places[draws.images])
        return self._pool.reads(draws, self._sampler.lr_patch, self._sampler.scale)
