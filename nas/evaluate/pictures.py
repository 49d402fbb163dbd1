"""Pictures of an evaluation: what was upscaled, and close-ups where the upscalers differ most."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from nas.data.images import Pair, read_image
from nas.data.metrics import luma, psnr_y_db
from nas.data.resample import Pixels, upscale_bicubic

__all__ = [
    "CLOSE_UPS",
    "CLOSE_UP_FOLDER",
    "CloseUp",
    "close_ups",
    "folder_names",
    "write_close_ups",
    "write_image",
]

CLOSE_UPS = 6
CLOSE_UP_FOLDER = "close-ups"
_SIDE = 64  # HR pixels of a close-up
_ZOOM = 4  # each is shown as so many
_LINE, _GAP = 20, 6  # screen pixels: of a line of text, between panels
_PAPER, _INK = (255, 255, 255), (0, 0, 0)

Places = Mapping[str, Path]
"""Of each upscaler the folder with its images, in the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class CloseUp:
    """A square of one image.

    Args:
        image: Index into the pairs.
        top: In HR pixels.
        left: In HR pixels.
        difference: Between the smallest and the largest mean squared error of luma there.
    """

    image: int
    top: int
    left: int
    difference: float


def folder_names(models: Sequence[str]) -> dict[str, str]:
    """For each model a name for the folder of its images."""
    found: dict[str, str] = {}
    for model in models:
        name = re.sub(r"[^\w.-]+", "_", model).strip("._") or "model"
        while name in (CLOSE_UP_FOLDER, *found.values()):
            name += "_"
        found[model] = name
    return found


def write_image(folder: Path, name: str, image: Pixels) -> None:
    """Writes what was made of the image `name` as a PNG file into a folder, which may be new."""
    folder.mkdir(exist_ok=True)
    Image.fromarray(image).save(_png(folder, name))


def close_ups(pairs: Sequence[Pair], places: Places, scale: int) -> list[CloseUp]:
    """The squares where errors differ most between upscalers, spread over the images."""
    found: list[CloseUp] = []
    each = -(-CLOSE_UPS // len(pairs))
    for index, pair in enumerate(pairs):
        panels = _panels(pair, places, scale)
        squares = np.stack([_errors(panel, pair.hr) for panel in panels.values()])
        difference = squares.max(axis=0) - (squares.min(axis=0) if len(squares) > 1 else 0)
        for place in np.argsort(-difference, axis=None, kind="stable")[:each].tolist():
            row, column = divmod(place, difference.shape[1])
            side = _side(pair)
            worst = float(difference[row, column])
            found.append(CloseUp(index, row * side, column * side, worst))
    return sorted(found, key=lambda close_up: -close_up.difference)[:CLOSE_UPS]


def write_close_ups(folder: Path, pairs: Sequence[Pair], places: Places, scale: int) -> None:
    """Draws bicubic, the upscalers and the original side by side where they differ most.

    Args:
        folder: New; gets a PNG file per square, numbered from the largest difference on.
        pairs: The images.
        places: Where the upscaled ones are.
        scale: Whole factor between LR and HR.
    """
    folder.mkdir()
    for place, close_up in enumerate(close_ups(pairs, places, scale), 1):
        pair = pairs[close_up.image]
        picture = _drawn(close_up, pair, _panels(pair, places, scale), scale)
        picture.save(folder / f"{place}-{Path(pair.name).stem}.png")


def _drawn(close_up: CloseUp, pair: Pair, panels: Mapping[str, Pixels], scale: int) -> Image.Image:
    side = _side(pair)
    inside = (
        slice(close_up.top, close_up.top + side),
        slice(close_up.left, close_up.left + side),
    )
    truth = pair.hr[inside]
    shown = [
        (name, f"{psnr_y_db(panel[inside], truth):.2f} dB", panel[inside])
        for name, panel in panels.items()
    ]
    shown.append(("original", "", truth))
    width = _GAP + len(shown) * (side * _ZOOM + _GAP)
    canvas = Image.new("RGB", (width, 3 * _LINE + side * _ZOOM + 2 * _GAP), _PAPER)
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(size=13)
    where = f"rows from {close_up.top}, columns from {close_up.left}"
    title = f"{pair.name}, {where}, x{scale}, PSNR of luma"
    draw.text((_GAP, _GAP), title, _INK, font)
    for place, (name, figure, panel) in enumerate(shown):
        left = _GAP + place * (side * _ZOOM + _GAP)
        draw.text((left, _GAP + _LINE), _cut(name, side * _ZOOM, font), _INK, font)
        draw.text((left, _GAP + 2 * _LINE), figure, _INK, font)
        large = panel.repeat(_ZOOM, axis=0).repeat(_ZOOM, axis=1)
        canvas.paste(Image.fromarray(large), (left, _GAP + 3 * _LINE))
    return canvas


def _panels(pair: Pair, places: Places, scale: int) -> dict[str, Pixels]:
    """Bicubic, and what each upscaler made of one image."""
    made = {name: read_image(_png(folder, pair.name)) for name, folder in places.items()}
    return {"bicubic": upscale_bicubic(pair.lr, scale)} | made


def _errors(image: Pixels, truth: Pixels) -> NDArray[np.float64]:
    """Mean squared error of luma in each square of the image, row by row."""
    side = min(_SIDE, *truth.shape[:2])
    rows, columns = (length // side for length in truth.shape[:2])
    errors = (luma(image) - luma(truth))[: rows * side, : columns * side] ** 2
    squares: NDArray[np.float64] = errors.reshape(rows, side, columns, side).mean(axis=(1, 3))
    return squares


def _side(pair: Pair) -> int:
    height, width = pair.hr.shape[:2]
    return min(_SIDE, int(height), int(width))


def _png(folder: Path, name: str) -> Path:
    return folder / (name if name.endswith(".png") else f"{name}.png")


def _cut(text: str, width: int, font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> str:
    """The end of a text, as much as fits: of a path it tells most."""
    while font.getlength(text) > width:
        text = "…" + text[2:]
    return text
