"""A few details as each method upscales them, beside the original, as one PNG picture."""

import io
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from nas.data.metrics import psnr_db
from nas.data.resample import Pixels, upscale_bicubic
from nas.search.crops import (
    CROPS,
    FINALIST_STRIP,
    LR_STRIP,
    TRUTH_STRIP,
    details,
    details_file,
    read_strip,
    telling,
)

__all__ = ["detail_png", "has_details"]

_TILE = 180  # pixels that a tile has at least: its name must fit under it
_GAP, _HEAD = 8, 24
_INK, _PAPER = (28, 37, 48), (255, 255, 255)


def has_details(run: Path, trial: int) -> bool:
    """Whether the run kept what is needed for `detail_png`."""
    crops = run / CROPS
    return details_file(run, trial).is_file() and (crops / TRUTH_STRIP).is_file()


def detail_png(run: Path, trial: int) -> bytes:
    """A row a detail: bicubic, the trial's INT8 simulation, LiteRT if converted, the original.

    Args:
        run: Run folder.
        trial: Number of a finished trial.

    Raises:
        OSError: A picture is missing, is none, or lies outside of the run folder.
        ValueError: The pictures do not belong together.
    """
    strips = [_inside(run, run / CROPS / name) for name in (LR_STRIP, TRUTH_STRIP)]
    bicubic, truth, order = _crops(*((path, path.stat().st_mtime_ns) for path in strips))
    columns = {
        "bicubic": bicubic,
        "INT8 simulation": read_strip(_inside(run, details_file(run, trial))),
    }
    converted = run / "finalists" / str(trial) / FINALIST_STRIP
    if converted.is_file():
        columns["finalist, LiteRT"] = details(read_strip(_inside(run, converted)), order)
    columns["original"] = truth
    if len({images.shape for images in columns.values()}) != 1:
        raise ValueError(f"the crops of trial {trial} of {run} differ in size")
    return _compose(columns)


Stamped = tuple[Path, int]  # a file and when it was written


@lru_cache(maxsize=4)
def _crops(lr_file: Stamped, truth_file: Stamped) -> tuple[Pixels, Pixels, tuple[int, ...]]:
    """Details by bicubic upscaling and of the originals, and of which crops they are."""
    lr, truth = read_strip(lr_file[0]), read_strip(truth_file[0])
    scale = truth.shape[1] // lr.shape[1]
    order = telling(lr, truth)
    upscaled = np.stack([upscale_bicubic(lr[i], scale) for i in order])
    return details(upscaled, range(len(order))), details(truth, order), order


def _inside(run: Path, path: Path) -> Path:
    """`path`, where no link leads out of the run."""
    real = path.resolve(strict=True)
    if not real.is_relative_to(run.resolve()):
        raise OSError(f"{path} is outside of the run")
    return real


def _compose(columns: Mapping[str, Pixels]) -> bytes:
    """Each image over its name and its PSNR against the last column."""
    truth = list(columns.values())[-1]
    edge = truth.shape[1] * max(2, -(-_TILE // truth.shape[1]))
    pitch = (edge + _GAP, edge + _HEAD + _GAP)
    size = (pitch[0] * len(columns) + _GAP, pitch[1] * len(truth) + _GAP)
    sheet = Image.new("RGB", size, _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for column, (name, images) in enumerate(columns.items()):
        for row, image in enumerate(images):
            x, y = _GAP + column * pitch[0], _GAP + row * pitch[1]
            tile = Image.fromarray(image).resize((edge, edge), Image.Resampling.NEAREST)
            sheet.paste(tile, (x, y))
            same = images is truth
            told = name if same else f"{name} {psnr_db(image, truth[row]):.1f} dB"
            draw.text((x, y + edge + 3), told, fill=_INK, font=font)
    stream = io.BytesIO()
    sheet.save(stream, "png")
    return stream.getvalue()
