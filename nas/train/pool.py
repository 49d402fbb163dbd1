"""All images on one device, and patches gathered there."""

from collections.abc import Sequence
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nas.data.images import Pair
from nas.data.patches import Draws

__all__ = ["READS", "PixelPool", "is_pooled", "shared_pool"]

READS = 10  # numbers that say what is gathered for a patch
Whole = npt.NDArray[np.int64]


class PixelPool:
    """The pixels of all images, one after the other, as uint8 on a device.

    Gathering touches no host memory and has no branch, so it can be part of a captured graph.

    Args:
        pairs: Images.
        device: Where the pixels go.
    """

    def __init__(self, pairs: Sequence[Pair], device: str) -> None:
        self.device = device
        self.pairs = pairs
        self._lr = _Plane([pair.lr for pair in pairs], device)
        self._hr = _Plane([pair.hr for pair in pairs], device)

    def reads(self, draws: Draws, lr_patch: int, scale: int) -> Tensor:
        """Where `gather` finds the patches of draws, (n, READS) float64, on the processor.

        Of LR, then of HR, the places of the first value, of the one below over the one above, and
        of the right one over the left one; then the three colours and the intensity. All but the
        last are whole and far below 2^53, so that float64 holds them exactly.

        Args:
            draws: Their images count as those of this pool.
            lr_patch: Side in pixels.
            scale: Whole factor between LR and HR.
        """
        lr = self._lr.reads(draws, lr_patch, 1)
        hr = self._hr.reads(draws, lr_patch * scale, scale)
        columns = [*lr, *hr, *draws.colours.T, draws.intensities]
        return torch.from_numpy(np.stack(columns, axis=1).astype(np.float64))

    def gather(self, reads: Tensor, lr_patch: int, scale: int) -> tuple[Tensor, Tensor]:
        """The patches that `PatchSampler.cut` gives, times their intensity, as floats.

        Args:
            reads: Of these patches, on the device.
            lr_patch: Side in pixels.
            scale: Whole factor between LR and HR.

        Returns:
            LR and HR, (n, 3, h, w) in 0..1, channels last in memory.
        """
        whole = reads[:, :9].long()
        intensities = reads[:, 9].float()[:, None, None, None]
        lr = self._lr.gather(whole[:, :3], whole[:, 6:], lr_patch)
        hr = self._hr.gather(whole[:, 3:6], whole[:, 6:], lr_patch * scale)
        low, high = (x / 255 * intensities for x in (lr, hr))
        return low.permute(0, 3, 1, 2), high.permute(0, 3, 1, 2)


class _Plane:
    def __init__(self, images: Sequence[npt.NDArray[np.uint8]], device: str) -> None:
        sizes = np.array([image.size for image in images])
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        self._pixels = torch.empty(int(offsets[-1]), dtype=torch.uint8, device=device)
        for image, begin, end in zip(images, offsets, offsets[1:], strict=False):
            flat = torch.from_numpy(np.array(image).reshape(-1))  # a copy: maps are read-only
            self._pixels[begin:end] = flat.to(device)
        self._offsets = offsets[:-1]
        self._widths = np.array([image.shape[1] for image in images])

    def reads(self, draws: Draws, side: int, scale: int) -> tuple[Whole, Whole, Whole]:
        """Of each patch the place of its first value, and the steps down and to the right."""
        mirrored_rows, mirrored_columns, swapped = (draws.turns >> bit & 1 for bit in range(3))
        row_step = self._widths[draws.images] * 3
        top = draws.tops * scale + mirrored_rows * (side - 1)
        left = draws.lefts * scale + mirrored_columns * (side - 1)
        first = self._offsets[draws.images] + top * row_step + left * 3
        down = np.where(mirrored_rows, -row_step, row_step)
        right = np.where(mirrored_columns, -3, 3)
        return first, np.where(swapped, right, down), np.where(swapped, down, right)

    def gather(self, places: Tensor, colours: Tensor, side: int) -> Tensor:
        """uint8 (n, side, side, 3)."""
        first, down, right = places[:, :, None].unbind(1)
        steps = torch.arange(side, device=places.device)
        index = (first + down * steps)[:, :, None] + (right * steps)[:, None]
        return self._pixels[index[..., None] + colours[:, None, None]]


_POOLS: WeakValueDictionary[tuple[object, ...], PixelPool] = WeakValueDictionary()


def shared_pool(pairs: Sequence[Pair], device: str) -> PixelPool:
    """The pool of these images, the same one for all trainings that hold it at a time."""
    found = _POOLS.get(_key(pairs, device))
    if found is None:
        found = _POOLS[_key(pairs, device)] = PixelPool(pairs, device)
    return found


def is_pooled(pairs: Sequence[Pair], device: str) -> bool:
    """Whether somebody holds a pool of these images."""
    return _key(pairs, device) in _POOLS


def _key(pairs: Sequence[Pair], device: str) -> tuple[object, ...]:
    return (device, *map(id, pairs))  # a pool holds its images, so their ids stay theirs
