"""Reading images and folders of them, with a named reason for each image that cannot be used."""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from nas.data.resample import Pixels, crop_to_multiple, downscale
from nas.errors import DataError

__all__ = ["SUFFIXES", "OnSkip", "Pair", "list_images", "load_folder", "read_image"]

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


def read_image(path: Path) -> Pixels:
    """Decodes a file to RGB.

    Grey and palette images are spread over three channels, alpha is dropped, 16 bits become 8.

    Returns:
        uint8 [height, width, 3].

    Raises:
        DataError: The file is missing, truncated or no image.
    """
    try:
        with Image.open(path) as image:
            return np.array(_to_rgb(image))
    except FileNotFoundError:
        raise DataError(f"no such image: {path}", "check the path") from None
    except _DAMAGE as error:
        reason = " ".join(str(error).split())
        if "cannot identify" in reason:  # Pillow repeats the path here
            reason = "no known image format"
        raise DataError(
            f"cannot read image {path}: {reason}", "replace the file or take it out"
        ) from error


def _to_rgb(image: Image.Image) -> Image.Image:
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


def load_folder(
    folder: Path,
    *,
    scale: int,
    min_lr: int,
    lr_folder: Path | None = None,
    on_skip: OnSkip,
) -> list[Pair]:
    """Reads all images of a folder as pairs; what cannot be used is named and left out.

    Args:
        folder: Holds HR images, whose LR is then made by bicubic downscaling; or the sub-folders
            `HR` and `LR` with equally named files (the LR may be called `<name>x<scale>`).
        scale: Whole factor between LR and HR; HR is cropped to a multiple of it.
        min_lr: Smallest usable side of an LR image, in pixels.
        lr_folder: Where the LR images are, if not in `LR`.
        on_skip: Told "name: reason" of each image left out.

    Returns:
        At least one pair, sorted by name.

    Raises:
        DataError: A folder is missing, or no image in it is usable.
    """
    hr_folder = folder
    if lr_folder is None and (folder / "HR").is_dir() and (folder / "LR").is_dir():
        hr_folder, lr_folder = folder / "HR", folder / "LR"
    files = list_images(hr_folder)
    partners = None if lr_folder is None else {p.stem: p for p in list_images(lr_folder)}
    skipped: list[str] = []
    pairs = list(_pairs(files, partners, scale, min_lr, skipped))
    for line in skipped:
        on_skip(line)
    if not pairs:
        raise _nothing_usable(hr_folder, skipped, min_lr * scale)
    return pairs


def _pairs(
    files: list[Path], partners: dict[str, Path] | None, scale: int, min_lr: int, skipped: list[str]
) -> Iterator[Pair]:
    for file in files:
        try:
            pair = _pair(file, partners, scale)
        except DataError as error:
            # The reader's message carries the whole path; the name is said once already.
            skipped.append(
                f"{file.name}: {error.message.removeprefix(f'cannot read image {file}: ')}"
            )
            continue
        height, width = pair.lr.shape[:2]
        if min(height, width) < min_lr:
            reason = f"LR is {height}x{width}, smaller than {min_lr}x{min_lr}"
            skipped.append(f"{file.name}: {reason}")
            continue
        yield pair


def _pair(file: Path, partners: dict[str, Path] | None, scale: int) -> Pair:
    hr = crop_to_multiple(read_image(file), scale)
    if partners is None:
        if not hr.size:
            raise DataError(f"smaller than {scale}x{scale}")
        return Pair(file.name, downscale(hr, scale), np.ascontiguousarray(hr))
    partner = partners.get(file.stem) or partners.get(f"{file.stem}x{scale}")
    if partner is None:
        raise DataError("no LR image of that name")
    lr = read_image(partner)
    height, width = lr.shape[:2]
    if hr.shape[:2] != (height * scale, width * scale):
        raise DataError(
            f"HR is {hr.shape[0]}x{hr.shape[1]}, but its LR of {height}x{width} asks for "
            f"{height * scale}x{width * scale} at x{scale}"
        )
    return Pair(file.name, lr, np.ascontiguousarray(hr))


def _nothing_usable(folder: Path, skipped: list[str], min_hr: int) -> DataError:
    if not skipped:
        kinds = " ".join(sorted(SUFFIXES))
        return DataError(f"no usable images in {folder}: it holds no image files", f"use {kinds}")
    return DataError(
        f"no usable images in {folder}: {len(skipped)} skipped, the first is {skipped[0]}",
        f"images must be readable and at least {min_hr}x{min_hr} pixels",
    )
