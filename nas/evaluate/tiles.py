"""Images of any size through networks of one size: overlapping tiles, padding by reflection."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from nas.data.resample import Pixels

__all__ = ["Piece", "Run", "Tiling", "in_pieces", "in_tiles", "pad_to", "whole"]

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

    def step(self, side: int) -> int:
        """LR pixels from tile to tile along a side of so many; 0 if the margin leaves nothing."""
        return max((side - 2 * self.margin) // self.stride * self.stride, 0)

    def count(self, height: int, width: int) -> int:
        """How many tiles an image of so many LR pixels takes."""
        return len(_cuts(height, self.height, self)) * len(_cuts(width, self.width, self))


@dataclass(frozen=True, slots=True, eq=False)  # arrays have no truth value to compare with
class Piece:
    """What one tile contributes to the upscaled image.

    Args:
        top: Row of its first pixel, in HR pixels.
        left: Column of its first pixel, in HR pixels.
        pixels: uint8 [height, width, 3].
    """

    top: int
    left: int
    pixels: Pixels


@dataclass(frozen=True, slots=True)
class _Cut:
    """A tile along one side: where it begins, and what of it is kept, in LR pixels."""

    start: int
    keep_from: int
    keep_to: int


def whole(height: int, width: int, stride: int = 1) -> Tiling:
    """A single tile for an image, its sides continued to multiples of `stride`."""
    return Tiling(-(-height // stride) * stride, -(-width // stride) * stride, 0, stride)


def in_pieces(run: Run, image: Pixels, *, scale: int, tiling: Tiling) -> Iterator[Piece]:
    """Upscales an image of any size tile by tile, row by row; the pieces do not overlap.

    Each call of `run` gets one tile of full size. An image smaller than a tile is continued by
    reflection, and the result cut. The outermost tiles end with the image, so that its borders are
    treated as in the whole image.
    """
    height, width = image.shape[:2]
    padded = pad_to(
        image,
        _padded_side(height, tiling.height, tiling.stride),
        _padded_side(width, tiling.width, tiling.stride),
    )
    for down in _cuts(height, tiling.height, tiling):
        for along in _cuts(width, tiling.width, tiling):
            rows = slice(down.start, down.start + tiling.height)
            made = run(padded[rows, along.start : along.start + tiling.width])
            kept = made[_within(down, scale), _within(along, scale)]
            yield Piece(down.keep_from * scale, along.keep_from * scale, kept)


def in_tiles(run: Run, image: Pixels, *, scale: int, tiling: Tiling) -> Pixels:
    """The image that `in_pieces` makes, put together."""
    height, width = image.shape[:2]
    out = np.empty((height * scale, width * scale, 3), np.uint8)
    for piece in in_pieces(run, image, scale=scale, tiling=tiling):
        rows, columns = piece.pixels.shape[:2]
        out[piece.top : piece.top + rows, piece.left : piece.left + columns] = piece.pixels
    return out


def pad_to(image: Pixels, height: int, width: int) -> Pixels:
    """Continues an image downwards and to the right by reflection."""
    missing = (0, height - image.shape[0]), (0, width - image.shape[1]), (0, 0)
    return np.pad(image, missing, mode="reflect") if np.any(missing) else image


def _within(cut: _Cut, scale: int) -> slice:
    return slice((cut.keep_from - cut.start) * scale, (cut.keep_to - cut.start) * scale)


def _padded_side(side: int, tile: int, stride: int) -> int:
    return tile if side <= tile else side + (tile - side) % stride


def _cuts(side: int, tile: int, tiling: Tiling) -> list[_Cut]:
    """The tiles along one side of an image; what they keep lies end to end."""
    starts = _starts(_padded_side(side, tile, tiling.stride), tile, tiling)
    borders = [0, *(start + tiling.margin for start in starts[1:]), side]
    return [_Cut(*cut) for cut in zip(starts, borders[:-1], borders[1:], strict=True)]


def _starts(side: int, tile: int, tiling: Tiling) -> list[int]:
    """Where tiles begin along one side; the last one ends with the image."""
    if side == tile:
        return [0]
    if not (step := tiling.step(tile)):
        raise ValueError(f"a margin of {tiling.margin} leaves nothing of a tile of {tile}")
    return [*range(0, side - tile, step), side - tile]
