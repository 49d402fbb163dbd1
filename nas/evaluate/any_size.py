"""Files of networks on images of any size: as a whole where the file can, else in tiles."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nas.data.resample import Pixels
from nas.errors import UsageError
from nas.evaluate.ends import Attempt
from nas.evaluate.tiles import Tiling, whole
from nas.graph import parse_text
from nas.quantize.stored import GRAPH, is_stored
from nas.readers.reach import Reach, read_reach

__all__ = ["AnySize", "Declared", "Fit", "Shape", "check_input", "read_fit"]

Shape = Sequence[int | None]
"""Of a tensor, batch first; None or less than 0 where it is free."""
Size = tuple[int, int]

_FOREIGN_MARGIN = 32  # LR pixels; networks for mobile devices mostly look less far
_MOST_PIXELS = 2**19  # of an LR image that runs as a whole
_LARGE_TILE = (512, 512)  # of files that leave it open
_PROBE = 48
_STRIDES = (1, 2, 4, 8, 16)
_OURS = ("model.tflite", "model_float.tflite", "model.keras")


@dataclass(frozen=True, slots=True)
class Declared:
    """What a file says of itself.

    Args:
        dtype: Of its input.
        size: LR height and width that it is made for, or None.
        written: Shape of its output for that size.
        inner: Shapes of all its tensors for that size, weights included.
        averages: Whether an op in it averages over the image.
    """

    dtype: str
    size: Size | None
    written: Shape
    inner: Sequence[Shape]
    averages: bool


@dataclass(frozen=True, slots=True)
class Fit:
    """Which images a file runs, and how to cut others.

    Args:
        scale: Whole factor between LR and HR.
        tiling: For what does not run as a whole.
        resizable: Whether images of other sizes run, too.
        is_global: Whether the network averages over the image: tiles would be another network.
    """

    scale: int
    tiling: Tiling
    resizable: bool
    is_global: bool


@dataclass(frozen=True, slots=True)
class AnySize:
    """Cuts any image so that a file runs it, and runs the file.

    Args:
        name: For messages.
        run: On images that the file can run; None for others.
        fit: Which these are.
    """

    name: str
    run: Callable[[Pixels], Pixels | None]
    fit: Fit

    def __call__(self, tile: Pixels) -> Pixels:
        """Upscales an image as `tiling_of` cuts it."""
        found, scale = self.run(tile), self.fit.scale
        expected = (tile.shape[0] * scale, tile.shape[1] * scale, 3)
        if found is None or found.shape != expected:
            raise UsageError(
                f"{self.name} does not run an image of {tile.shape[0]}x{tile.shape[1]} pixels",
                "see whether the file is whole",
            )
        return found

    def tiling_of(self, height: int, width: int) -> Tiling:
        """One tile for an image that runs as a whole, else tiles of the file's size.

        Raises:
            UsageError: The image does not run, and the network is none that may be cut.
        """
        tiling, most = self.fit.tiling, whole(height, width, self.fit.tiling.stride)
        if self.fit.resizable and height * width <= _MOST_PIXELS:
            return most
        if self.fit.is_global and (height, width) != (tiling.height, tiling.width):
            raise UsageError(
                f"{self.name} averages over the whole image, and runs {tiling.height}x"
                f"{tiling.width} pixels, not {height}x{width}",
                "convert it for the size of these images",
            )
        if not self.fit.resizable:
            self._check_tiles(height, width)
            return tiling
        tall, wide = min(tiling.height, most.height), min(tiling.width, most.width)
        return replace(tiling, height=tall, width=wide)

    def _check_tiles(self, height: int, width: int) -> None:
        tiling = self.fit.tiling
        if (height > tiling.height and not tiling.step(tiling.height)) or (
            width > tiling.width and not tiling.step(tiling.width)
        ):
            raise UsageError(
                f"{self.name} looks {tiling.margin} pixels far, so tiles of {tiling.height}x"
                f"{tiling.width} give none of a larger image",
                "convert it for a larger size",
            )


def check_input(shape: Shape) -> Size | None:
    """Height and width that a file reads, None if they are free.

    Raises:
        UsageError: It reads no RGB images with channels last.
    """
    if len(shape) == 4 and shape[1] == 3 and shape[3] != 3:
        raise UsageError(
            f"its input {_text(shape)} has the channels first",
            "convert it to height, width, channels",
        )
    if len(shape) != 4 or shape[3] != 3:
        raise UsageError(
            f"its input {_text(shape)} is no RGB image", "it takes 1 x height x width x 3"
        )
    height, width = shape[1:3]
    return None if not height or not width or min(height, width) < 1 else (height, width)


def read_fit(path: Path, attempt: Attempt, declared: Declared) -> Fit:
    """Finds out what a file runs by running it on small black images.

    Args:
        path: Of the file; if the network's graph lies beside it, that tells how far it looks.
        attempt: Runs the file.
        declared: What the file says.

    Raises:
        UsageError: Its output is no RGB image, or not larger by a whole factor.
    """

    def output(height: int, width: int) -> Shape:
        made = attempt(np.zeros((1, height, width, 3), declared.dtype))
        return () if made is None else made.shape

    size = declared.size or (_PROBE, _PROBE)
    scale = _scale(size, declared.written if declared.size else output(*size))

    def runs(side: int) -> bool:
        return tuple(output(side, side)) == (1, side * scale, side * scale, 3)

    reach = _known_reach(path)
    strides = _STRIDES if reach is None else (reach.stride,)
    found = next((stride for stride in strides if runs(_PROBE + stride)), None)
    height, width = declared.size or _LARGE_TILE
    if reach is None:
        guess = min(_FOREIGN_MARGIN, min(height, width) // 4)
        stride = found or _inner_stride(declared.inner, size)
        reach = Reach(math.inf if declared.averages else guess, stride)
    is_global = math.isinf(reach.pixels)
    margin = 0 if is_global else int(reach.pixels)
    tiling = Tiling(height, width, margin, reach.stride)
    if found is not None and 4 * margin > min(height, width):  # tiles would mostly overlap
        larger = whole(max(height, 4 * margin), max(width, 4 * margin), reach.stride)
        tiling = replace(larger, margin=margin)
    return Fit(scale, tiling, found is not None, is_global)


def _inner_stride(inner: Sequence[Shape], size: Size) -> int:
    """Of a file of one size: how much smaller than its input the smallest image inside is."""
    found = {1}
    for shape in inner:
        if len(shape) == 4 and shape[0] in (1, None) and shape[1] and shape[2]:
            across, along = size[0] / shape[1], size[1] / shape[2]
            if across == along and across in _STRIDES:
                found.add(int(across))
    return max(found)


def _known_reach(path: Path) -> Reach | None:
    """Of a file that lies beside its graph."""
    if path.name not in _OURS or not is_stored(path.parent):
        return None
    return read_reach(parse_text((path.parent / GRAPH).read_text(encoding="utf-8")))


def _scale(size: Size, written: Shape) -> int:
    height = written[1] if len(written) == 4 and written[3] == 3 else None
    scale = (height or 0) // size[0]
    if scale < 2 or list(written[1:3]) != [side * scale for side in size]:
        raise UsageError(
            f"it makes {_text(written) or 'nothing'} of an image of {size[0]}x{size[1]} pixels",
            "give a network that upscales RGB images by a whole factor",
        )
    return scale


def _text(shape: Shape) -> str:
    return "x".join("?" if side is None or side < 0 else f"{side}" for side in shape)
