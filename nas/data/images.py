"""Reading images, with a named reason for each that cannot be used."""

import hashlib
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from nas.data.resample import Pixels, crop_to_multiple, downscale
from nas.errors import DataError

__all__ = [
    "SUFFIXES",
    "OnSkip",
    "Pair",
    "decoding",
    "list_images",
    "read_image",
    "read_pair",
    "to_rgb",
]

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})

OnSkip = Callable[[str], None]  # is told "name: reason"

# What Pillow's decoders raise on damaged files, besides OSError.
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)


@dataclass(frozen=True, slots=True, eq=False)  # arrays have no truth value to compare with
class Pair:
    """An image in both resolutions: `hr` is exactly the scale times as high and wide as `lr`."""

    name: str
    lr: Pixels
    hr: Pixels

    def digests(self) -> tuple[str, str]:
        """Of LR and HR: equal for equal pixels, whatever their files are called."""
        return _digest(self.lr), _digest(self.hr)


def _digest(image: Pixels) -> str:
    total = hashlib.sha256(repr(image.shape).encode())
    total.update(np.ascontiguousarray(image).data)
    return total.hexdigest()


def read_image(path: Path) -> Pixels:
    """Decodes a file to RGB.

    Grey and palette images are spread over three channels, alpha is dropped, 16 bits become 8.

    Returns:
        uint8 [height, width, 3].

    Raises:
        DataError: The file is missing, truncated or no image.
    """
    with decoding(path), Image.open(path) as image:
        return np.array(to_rgb(image))


@contextmanager
def decoding(path: Path) -> Iterator[None]:
    """Around what decodes the file `path`.

    Raises:
        DataError: Instead of what Pillow raises: the file is missing, truncated or no image.
    """
    try:
        yield
    except FileNotFoundError:
        raise DataError(f"no such image: {path}", "check the path") from None
    except _DAMAGE as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        if "cannot identify" in reason:  # Pillow repeats the path here
            reason = "no known image format"
        raise DataError(
            f"cannot read image {path}: {reason}", "replace the file or take it out"
        ) from error


def to_rgb(image: Image.Image) -> Image.Image:
    """Grey and palettes spread over three channels, without alpha, 16 bits scaled to 8."""
    if image.mode.startswith("I"):  # Pillow would clip 16 bits at 255 instead of scaling them
        deep = np.asarray(image).astype(np.int64)
        eight = np.clip((deep + 128) // 257, 0, 255) if deep.max() > 255 else np.maximum(deep, 0)
        return Image.fromarray(eight.astype(np.uint8)).convert("RGB")
    if "transparency" in image.info:  # straight to RGB, Pillow warns about palettes with alpha
        image = image.convert("RGBA")
    return image.convert("RGB")


def list_images(folder: Path) -> list[Path]:
    """The image files directly in a folder, sorted by name; hidden files are left out.

    Raises:
        DataError: The folder is missing, is no folder, or may not be read.
    """
    if not folder.exists():
        raise DataError(f"no such folder: {folder}", "check the path")
    if not folder.is_dir():
        raise DataError(f"not a folder: {folder}", "give the folder that holds the images")
    try:
        files = sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"cannot list {folder}: {error.strerror}", "check its rights") from error
    return [
        file
        for file in files
        if file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()
    ]


def read_pair(hr_file: Path, lr_file: Path | None, scale: int) -> Pair:
    """An image in both resolutions; HR is cropped to a multiple of `scale`.

    Args:
        hr_file: Any image.
        lr_file: Its LR, or None to make it by bicubic downscaling.
        scale: Whole factor between LR and HR.

    Raises:
        DataError: A file cannot be read, HR is smaller than one LR pixel, or LR does not fit.
    """
    hr = crop_to_multiple(read_image(hr_file), scale)
    if lr_file is None:
        if not hr.size:
            raise DataError(f"smaller than {scale}x{scale}")
        return Pair(hr_file.name, downscale(hr, scale), np.ascontiguousarray(hr))
    lr = read_image(lr_file)
    height, width = lr.shape[:2]
    if hr.shape[:2] != (height * scale, width * scale):
        raise DataError(
            f"HR is {hr.shape[0]}x{hr.shape[1]}, but its LR of {height}x{width} asks for "
            f"{height * scale}x{width * scale} at x{scale}"
        )
    return Pair(hr_file.name, lr, np.ascontiguousarray(hr))
