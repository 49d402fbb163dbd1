"""The images of every package, on which its forms are compared, and checked again later.

They are the centres of photographs in scikit-image whose makers gave them to the public domain, so
they may travel with a package; the other bundled photographs may not, or do not say so.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from nas.data.bundled import bundled_validation
from nas.data.patches import standard_crops
from nas.data.resample import Pixels
from nas.errors import DataError
from nas.evaluate.tiles import pad_to
from nas.quantize.stored import write_whole

__all__ = [
    "CHECK",
    "PHOTOGRAPHS",
    "CheckSet",
    "Numbers",
    "check_files",
    "make_check_set",
    "read_check_set",
]

Numbers = npt.NDArray[Any]
"""An image of uint8, or of float in 0..1."""

CHECK = "check"  # folder of a package
PHOTOGRAPHS = ("astronaut", "coffee", "chelsea", "rocket", "retina", "hubble_deep_field")
_LARGEST = 1024  # pixels of an edge that is read
_FORMATS = ("PNG",)


@dataclass(frozen=True, slots=True)
class CheckSet:
    """Images in both resolutions.

    Args:
        lr: uint8 (n, edge, edge, 3), in the order of `PHOTOGRAPHS`.
        truth: The same, `scale` times as large.
    """

    lr: Pixels
    truth: Pixels

    @property
    def scale(self) -> int:
        """High-resolution edge over low-resolution edge."""
        return int(self.truth.shape[1] // self.lr.shape[1])

    def placed(self, size: tuple[int, int] | None) -> list[Pixels]:
        """What a file of that input size reads: cut to it, or continued by reflection."""
        if size is None:
            return list(self.lr)
        height, width = size
        return [pad_to(image[:height, :width], height, width) for image in self.lr]

    def cut(self, place: int, upscaled: Numbers) -> tuple[Numbers, Pixels]:
        """Of an upscaled `placed` image what shows something, and the original of that part."""
        original = self.truth[place]
        height, width = np.minimum(upscaled.shape[:2], original.shape[:2])
        return upscaled[:height, :width].copy(), original[:height, :width]

    def write(self, folder: Path) -> None:
        """Writes the files of `check_files` into a folder, which exists."""
        images = (image for pair in zip(self.lr, self.truth, strict=True) for image in pair)
        for name, image in zip(check_files(), images, strict=True):
            stream = io.BytesIO()
            Image.fromarray(image).save(stream, "png")
            write_whole(folder / name, stream.getvalue())


def check_files() -> tuple[str, ...]:
    """Names of the files, low resolution and original of each image in turn."""
    return tuple(f"{name}{end}" for name in PHOTOGRAPHS for end in ("-lr.png", ".png"))


def make_check_set(scale: int) -> CheckSet:
    """The images at a scale: the same pixels on every machine.

    Raises:
        DataError: scikit-image lacks its photographs.
    """
    found = {pair.name: pair for pair in bundled_validation(scale)}
    if missing := [name for name in PHOTOGRAPHS if name not in found]:
        raise DataError(
            f"photographs of scikit-image are missing: {', '.join(missing)}",
            "reinstall scikit-image",
        )
    pairs = [found[name] for name in PHOTOGRAPHS]
    return CheckSet(*standard_crops(pairs, scale=scale, count=len(pairs)))


def read_check_set(folder: Path) -> CheckSet:
    """The images that `CheckSet.write` wrote.

    Raises:
        ValueError: A file is none of them, or they do not fit each other.
    """
    images = [_read(folder / name) for name in check_files()]
    lr, truth = (_stack(images[i::2]) for i in (0, 1))
    if truth.shape[1] % lr.shape[1] or truth.shape[1:3] != tuple(
        truth.shape[1] // lr.shape[1] * side for side in lr.shape[1:3]
    ):
        raise ValueError(f"originals {truth.shape[1:]} are no whole multiple of {lr.shape[1:]}")
    return CheckSet(lr, truth)


def _stack(images: Sequence[Pixels]) -> Pixels:
    if len({image.shape for image in images}) != 1:
        raise ValueError("images of several sizes")
    return np.stack(images)


def _read(file: Path) -> Pixels:
    try:
        with Image.open(file, formats=_FORMATS) as image:
            if max(image.size) > _LARGEST:
                raise ValueError(f"{file.name} has {image.size[0]}x{image.size[1]} pixels")
            if image.mode != "RGB":
                raise ValueError(f"{file.name} is {image.mode}, not RGB")
            return np.asarray(image)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:  # as Pillow puts damage
        raise ValueError(f"{file.name} is no readable image") from error
