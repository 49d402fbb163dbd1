"""From 8-bit images to what a network's file reads, and back from what it writes.

Integer tensors carry a scale and a zero point, which tell whether white is 1 or 255. Of floats no
file says it: there a synthetic image is upscaled both ways, and what comes nearer to the original
counts. Files that want other ranges, such as -1..1, are not recognised.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from nas.data.dead_leaves import dead_leaves
from nas.data.metrics import psnr_db
from nas.data.resample import Pixels, downscale
from nas.errors import UsageError
from nas.evaluate.tiles import pad_to

__all__ = ["Array", "Attempt", "End", "choose_ends", "float_ends", "integer_end"]

Array = npt.NDArray[np.generic]
Attempt = Callable[[Array], Array | None]
"""A file on its own numbers, (1, height, width, 3) -> (1, scale height, scale width, 3); None where
it cannot run that size."""

_INTEGERS = ("uint8", "int8", "int16")
_WIDEST_UNIT = 16  # no grid of a 0..1 image ends above, none of a 0..255 image below
_PROBE = 48  # LR pixels


@dataclass(frozen=True, slots=True)
class End:
    """The input or the output of a network.

    Args:
        dtype: Name of its type.
        white: The real value of white, 1 or 255; black is 0.
        scale: Real value of one step of an integer type; 0 for floats.
        zero_point: The integer that means 0.
    """

    dtype: str
    white: int
    scale: float = 0.0
    zero_point: int = 0

    def __str__(self) -> str:
        return f"{self.dtype} 0..{self.white}"

    def encode(self, image: Pixels) -> Array:
        """The numbers that stand for an image, in the same shape."""
        real = np.arange(256) * self.white / 255
        if self.scale:
            limits = np.iinfo(self.dtype)
            real = np.rint(real / self.scale) + self.zero_point
            real = np.clip(real, limits.min, limits.max)
        codes: Array = real.astype(self.dtype)[image]
        return codes

    def decode(self, values: Array) -> Pixels:
        """The image that numbers stand for, limited and rounded to 8 bits."""
        real = np.asarray(values, np.float64)
        if self.scale:
            real = (real - self.zero_point) * self.scale
        codes: Pixels = np.rint(np.clip(real * (255 / self.white), 0, 255)).astype(np.uint8)
        return codes


def integer_end(dtype: str, scale: float, zero_point: int) -> End:
    """An end of integers; without a scale, uint8 are the codes of the image themselves.

    Raises:
        UsageError: A type that holds no image, or a signed one without a scale.
    """
    if dtype not in _INTEGERS or (not scale and dtype != "uint8"):
        without = "" if scale else " without a scale"
        raise UsageError(
            f"its images are {dtype}{without}", f"use one of {', '.join(_INTEGERS)}, float32"
        )
    end = End(dtype, 255, scale or 1.0, zero_point)
    brightest = (np.iinfo(dtype).max - zero_point) * end.scale
    return replace(end, white=1) if brightest < _WIDEST_UNIT else end


def float_ends(white: int | None) -> tuple[End, ...]:
    """What an end of floats may be: as said, or one of both."""
    return tuple(End("float32", each) for each in ((1, 255) if white is None else (white,)))


def choose_ends(
    attempt: Attempt,
    entries: Sequence[End],
    leaves: Sequence[End],
    *,
    scale: int,
    size: tuple[int, int] | None,
) -> tuple[End, End]:
    """Those that upscale a synthetic image best; of equally good ones the first.

    Args:
        attempt: Runs the file.
        entries: What its input may be.
        leaves: What its output may be.
        scale: Whole factor between LR and HR.
        size: LR height and width if there is only one.
    """
    if len(entries) == len(leaves) == 1:
        return entries[0], leaves[0]
    side = min(size or (_PROBE,)) // 2 * 2
    hr = dead_leaves(seed=0, count=1, size=side * scale)[0]
    lr = pad_to(downscale(hr, scale), *(size or (side, side)))
    tried = ((entry, attempt(entry.encode(lr)[None])) for entry in entries)
    written = {entry: made[0] for entry, made in tried if made is not None}

    def quality(ends: tuple[End, End]) -> float:
        found = ends[1].decode(written[ends[0]])
        return psnr_db(found[: side * scale, : side * scale], hr)

    pairs = ((entry, leave) for entry in written for leave in leaves)
    return max(pairs, key=quality, default=(entries[0], leaves[0]))
