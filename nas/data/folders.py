"""Folders of images as pairs; each image that cannot be used is named."""

from pathlib import Path

from nas.data.images import SUFFIXES, OnSkip, Pair
from nas.data.layouts import find_images
from nas.data.mapped import LeftOut
from nas.data.store import load_pairs
from nas.errors import DataError

__all__ = ["load_folder"]


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
        folder: Of images, in one of the layouts of `nas.data.layouts`.
        scale: Whole factor between LR and HR; HR is cropped to a multiple of it.
        min_lr: Smallest usable side of an LR image, in pixels.
        lr_folder: Where the LR images are, if the layout does not say.
        on_skip: Told "name: reason" of each image left out.

    Returns:
        At least one pair, sorted by name. Those of a large folder are read-only and not in memory.

    Raises:
        DataError: A folder is missing, or no image in it is usable.
    """
    found = find_images(folder, scale, lr_folder)
    pairs, skipped = [], []
    for loaded in load_pairs(found, scale):
        if isinstance(loaded, LeftOut):
            skipped.append(f"{loaded.name}: {loaded.reason}")
            continue
        height, width = loaded.lr.shape[:2]
        if min(height, width) < min_lr:
            reason = f"LR is {height}x{width}, smaller than {min_lr}x{min_lr}"
            skipped.append(f"{loaded.name}: {reason}")
            continue
        pairs.append(loaded)
    for line in skipped:
        on_skip(line)
    if not pairs:
        raise _nothing_usable(found.folder, skipped, min_lr * scale)
    return pairs


def _nothing_usable(folder: Path, skipped: list[str], min_hr: int) -> DataError:
    if not skipped:
        kinds = " ".join(sorted(SUFFIXES))
        return DataError(f"no usable images in {folder}: it holds no image files", f"use {kinds}")
    return DataError(
        f"no usable images in {folder}: {len(skipped)} skipped, the first is {skipped[0]}",
        f"images must be readable and at least {min_hr}x{min_hr} pixels",
    )
