"""Images of any size through networks of one size: overlapping tiles, padding by reflection."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nas.data.resample import Pixels

__all__ = ["Run", "Tiling", "in_tiles", "pad_to", "run_padded"]

Run = Callable[[Pixels], Pixels]
"""uint8 [height, width, 3] -> uint8 [scale height, scale width, 3]."""


@dataclass(frozen=True, slots=True)
class Tiling:
    """How to cut an image.

    Args:
        height: Of a tile, in LR pixels.
        width: Of a tile, in LR pixels.
        margin: LR pixels along the inner borders of a tile whose result is thrown away. Where it
            is no less than the network's reach, the tiles give what the whole image would.
        stride: Tiles begin at multiples of it; the sides of a tile are multiples of it, too.
    """

    height: int
    width: int
    margin: int
    stride: int = 1

    def __str__(self) -> str:
        return f"tiles of {self.height}x{self.width} that overlap by {2 * self.margin} pixels"


def in_tiles(run: Run, image: Pixels, *, scale: int, tiling: Tiling) -> Pixels:
    """Upscales an image of any size; each call of `run` gets one tile of full size.

    An image smaller than a tile is continued by reflection, and the result cut. The outermost tiles
    end with the image, so that its borders are treated as in the whole image.
    """
    height, width = image.shape[:2]
    padded = pad_to(
        image,
        _padded_side(height, tiling.height, tiling.stride),
        _padded_side(width, tiling.width, tiling.stride),
    )
    out = np.empty((padded.shape[0] * scale, padded.shape[1] * scale, 3), np.uint8)
    for top in _starts(padded.shape[0], tiling.height, tiling):
        for left in _starts(padded.shape[1], tiling.width, tiling):
            tile = run(padded[top : top + tiling.height, left : left + tiling.width])
            # Later tiles write over the last margin of earlier ones.
            skip_top, skip_left = (tiling.margin if start else 0 for start in (top, left))
            rows = slice((top + skip_top) * scale, (top + tiling.height) * scale)
            columns = slice((left + skip_left) * scale, (left + tiling.width) * scale)
            out[rows, columns] = tile[skip_top * scale :, skip_left * scale :]
    return out[: height * scale, : width * scale]


def run_padded(run: Run, image: Pixels, *, scale: int, stride: int) -> Pixels:
    """Runs the whole image, its sides continued to multiples of `stride`, and cuts the result."""
    height, width = image.shape[:2]
    padded = pad_to(image, -(-height // stride) * stride, -(-width // stride) * stride)
    return run(padded)[: height * scale, : width * scale]


def pad_to(image: Pixels, height: int, width: int) -> Pixels:
    """Continues an image downwards and to the right by reflection."""
    missing = (0, height - image.shape[0]), (0, width - image.shape[1]), (0, 0)
    return np.pad(image, missing, mode="reflect") if np.any(missing) else image


def _padded_side(side: int, tile: int, stride: int) -> int:
    return tile if side <= tile else side + (tile - side) % stride


def _starts(side: int, tile: int, tiling: Tiling) -> list[int]:
    """Where tiles begin along one side; the last one ends with the image."""
    step = (tile - 2 * tiling.margin) // tiling.stride * tiling.stride
    if step < 1:
        raise ValueError(f"a margin of {tiling.margin} leaves nothing of a tile of {tile}")
    return [*range(0, side - tile, step), side - tile]
