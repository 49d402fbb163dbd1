"""All images on one device, and patches gathered there."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from nas.data.images import Pair
from nas.data.patches import Draws

__all__ = ["PixelPool", "draws_tensor"]


def draws_tensor(draws: Draws) -> Tensor:
    """(n, 8) float64: image, top, left, turn, three colours, intensity. Whole numbers are exact."""
    columns = (draws.images, draws.tops, draws.lefts, draws.turns, *draws.colours.T)
    return torch.from_numpy(np.stack([*columns, draws.intensities], axis=1).astype(np.float64))


class PixelPool:
    """The pixels of all images, one after the other, as uint8 on a device.

    Gathering touches no host memory and has no branch, so it can be part of a captured graph.

    Args:
        pairs: In the order that `Draws.images` counts.
        device: Where the pixels go.
    """

    def __init__(self, pairs: Sequence[Pair], device: str) -> None:
        self.device = device
        self._lr = _Plane([pair.lr for pair in pairs], device)
        self._hr = _Plane([pair.hr for pair in pairs], device)

    def gather(self, draws: Tensor, lr_patch: int, scale: int) -> tuple[Tensor, Tensor]:
        """The patches that `PatchSampler.cut` gives, times their intensity, as floats.

        Args:
            draws: From `draws_tensor`, on the device.
            lr_patch: Side in pixels.
            scale: Whole factor between LR and HR.

        Returns:
            LR and HR, (n, 3, h, w) in 0..1, channels last in memory.
        """
        whole = draws[:, :7].long()
        factors = (draws[:, 7] / 255).float()
        lr = self._lr.gather(whole, lr_patch, 1)
        hr = self._hr.gather(whole, lr_patch * scale, scale)
        low, high = (x.float() * factors[:, None, None, None] for x in (lr, hr))
        return low.permute(0, 3, 1, 2), high.permute(0, 3, 1, 2)


class _Plane:
    def __init__(self, images: Sequence[np.ndarray], device: str) -> None:
        sizes = np.array([image.size for image in images])
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        self._pixels = torch.empty(int(offsets[-1]), dtype=torch.uint8, device=device)
        for image, begin, end in zip(images, offsets, offsets[1:], strict=False):
            flat = torch.from_numpy(np.array(image).reshape(-1))  # a copy: maps are read-only
            self._pixels[begin:end] = flat.to(device)
        self._offsets = torch.tensor(offsets[:-1], device=device)
        self._widths = torch.tensor([image.shape[1] for image in images], device=device)

    def gather(self, draws: Tensor, side: int, scale: int) -> Tensor:
        """uint8 (n, side, side, 3)."""
        image, top, left, turn = draws[:, :4].unbind(1)
        mirrored_rows, mirrored_columns, swapped = (
            (turn >> bit & 1).bool()[:, None, None] for bit in range(3)
        )
        place = torch.arange(side, device=draws.device)
        i, j = place[None, :, None], place[None, None, :]
        row = torch.where(swapped, j, i)
        column = torch.where(swapped, i, j)
        row = torch.where(mirrored_rows, side - 1 - row, row) + (top * scale)[:, None, None]
        column = torch.where(mirrored_columns, side - 1 - column, column)
        column = column + (left * scale)[:, None, None]
        pixel = row * self._widths[image][:, None, None] + column
        index = self._offsets[image][:, None, None] + pixel * 3
        return self._pixels[index[..., None] + draws[:, None, None, 4:7]]
