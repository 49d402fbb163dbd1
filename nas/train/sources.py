"""Patches of a stage, cut on the processor or gathered on a GPU."""

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from nas.data.patches import Draws, PatchSampler
from nas.readers.to_torch import image_tensor
from nas.train.pool import PixelPool, draws_tensor

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
        if len(self._sampler.augment.intensities) > 1:
            factors = torch.from_numpy(draws.intensities)[:, None, None, None]
            lr, hr = lr * factors, hr * factors
        return (lr, hr) if self._thread is None else (lr.pin_memory(), hr.pin_memory())


class PoolSource:
    """Draws on the processor, many steps at once, and gathers on the device.

    Args:
        sampler: Draws.
        size: Patches a step.
        pool: The images on the device.
        places: Of each image of the sampler in the pool.
    """

    def __init__(
        self, sampler: PatchSampler, size: int, pool: PixelPool, places: list[int]
    ) -> None:
        self._sampler = sampler
        self._size = size
        self._pool = pool
        self._places = np.array(places)

    @property
    def device(self) -> str:
        return self._pool.device

    def draws(self, begin: int, end: int) -> Tensor:
        """What steps `begin` to `end` show, (end - begin, size, 8), on the device."""
        found = [self._drawn(self._sampler.draws(step, self._size)) for step in range(begin, end)]
        return torch.stack(found).to(self._pool.device)

    def gather(self, draws: Tensor) -> tuple[Tensor, Tensor]:
        """(lr, hr) of one step's `draws` (size, 8), as `HostSource.patches` gives them."""
        return self._pool.gather(draws, self._sampler.lr_patch, self._sampler.scale)

    def _drawn(self, draws: Draws) -> Tensor:
        found = draws_tensor(draws)
        found[:, 0] = torch.from_numpy(self._places[draws.images])
        return found
