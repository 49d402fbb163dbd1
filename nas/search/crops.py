"""What networks made of the validation crops, for a person to look at.

A strip is a PNG file with square images side by side. A run keeps the low-resolution crops and the
originals, of every trial a few details, and of every finalist all crops.
"""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from nas.data.patches import standard_crops
from nas.data.resample import Pixels, upscale_bicubic
from nas.data.sets import Dataset
from nas.quantize.stored import write_whole

__all__ = [
    "CROPS",
    "FINALIST_STRIP",
    "LR_STRIP",
    "TRUTH_STRIP",
    "details",
    "details_file",
    "keep_crops",
    "read_strip",
    "strip_png",
    "telling",
]

CROPS = "crops"  # folder of a run
LR_STRIP = "lr.png"
TRUTH_STRIP = "truth.png"
FINALIST_STRIP = "crops.png"  # beside the files of a finalist
_DETAILS = 3
_DETAIL = 96  # high-resolution edge in pixels


def keep_crops(run: Path, dataset: Dataset, scale: int) -> None:
    """Writes the low-resolution crops and the originals into a run that has none yet."""
    folder = run / CROPS
    folder.mkdir(exist_ok=True)
    if not (folder / TRUTH_STRIP).is_file():
        lr, truth = standard_crops(dataset.valid, scale=scale)
        write_whole(folder / LR_STRIP, strip_png(lr))
        write_whole(folder / TRUTH_STRIP, strip_png(truth))


def details_file(run: Path, trial: int) -> Path:
    """Where a run keeps the details of a trial."""
    return run / CROPS / f"{trial}.png"


def strip_png(images: Pixels) -> bytes:
    """Images (n, edge, edge, 3) side by side, as a PNG file."""
    stream = io.BytesIO()
    Image.fromarray(np.hstack(list(images))).save(stream, "png")
    return stream.getvalue()


def read_strip(file: Path) -> Pixels:
    """Images (n, edge, edge, 3) of a strip."""
    with Image.open(file) as strip:
        pixels = np.asarray(strip.convert("RGB"))
    return np.stack(np.split(pixels, pixels.shape[1] // pixels.shape[0], axis=1))


def telling(lr: Pixels, truth: Pixels) -> tuple[int, ...]:
    """Indices of the crops that bicubic upscaling fails at most, the worst first."""
    scale = truth.shape[1] // lr.shape[1]
    errors = [
        float(np.mean((upscale_bicubic(low, scale).astype(float) - high) ** 2))
        for low, high in zip(lr, truth, strict=True)
    ]
    return tuple(int(i) for i in np.argsort(errors)[::-1][:_DETAILS])


def details(images: Pixels, order: Sequence[int]) -> Pixels:
    """The centres of the crops `order`, of at most 96x96 high-resolution pixels."""
    begin = max(images.shape[1] - _DETAIL, 0) // 2
    return images[list(order), begin : begin + _DETAIL, begin : begin + _DETAIL]
