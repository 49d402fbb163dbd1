"""The enlarged photograph: put together from pieces, written whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from nas.errors import DataError, UsageError
from nas.evaluate.photo import Photo
from nas.evaluate.tiles import Piece

__all__ = ["FORMATS", "Enlarged", "Format", "check_format"]


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file.

    Args:
        name: As Pillow knows it.
        options: Of Pillow's `save`.
        longest: Side in pixels that it can hold.
        has_alpha: Whether it can hold transparency.
    """

    name: str
    options: dict[str, Any]
    longest: int
    has_alpha: bool = True


# PNG level 3 takes a third of the time of the usual 6, for files a tenth larger.
_JPEG = Format("JPEG", {"quality": 95, "subsampling": 0}, longest=65_500, has_alpha=False)
FORMATS = {
    ".png": Format("PNG", {"compress_level": 3}, longest=2**31 - 1),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".webp": Format("WEBP", {"quality": 95}, longest=16_383),
}


def check_format(out: Path) -> Format:
    """The kind of file that a name asks for.

    Raises:
        UsageError: None that is written.
    """
    if (found := FORMATS.get(out.suffix.lower())) is None:
        raise UsageError(
            f"{out} is of no known format",
            f"--out ends with {', '.join(FORMATS)}; .png loses nothing",
        )
    return found


class Enlarged:
    """A photograph being enlarged.

    It is held by Pillow, four bytes a pixel (one, if it is grey), and nowhere twice.

    Args:
        photo: The original.
        scale: Whole factor.
        out: Where it is written to.

    Raises:
        UsageError: The file cannot hold it.
        DataError: The memory cannot.
    """

    def __init__(self, photo: Photo, scale: int, out: Path) -> None:
        self._photo, self._out, self._format = photo, out, check_format(out)
        height, width = (side * scale for side in photo.rgb.shape[:2])
        self.size = (width, height)
        if photo.alpha is not None and not self._format.has_alpha:
            raise UsageError(
                f"{out} cannot hold the transparency of the photo", "let --out end with .png"
            )
        if max(self.size) > self._format.longest:
            raise UsageError(
                f"{out} cannot hold {width}x{height} pixels, a side of {self._format.name} has at "
                f"most {self._format.longest}",
                "let --out end with .png",
            )
        try:
            self._canvas = Image.new("L" if photo.is_grey else "RGB", self.size)
        except (MemoryError, ValueError) as error:
            raise DataError(
                f"{width}x{height} pixels are more than the memory holds", "cut the photo"
            ) from error

    def add(self, piece: Piece) -> None:
        """Puts what was made of a tile in its place."""
        self._canvas.paste(
            Image.fromarray(piece.pixels).convert(self._canvas.mode), (piece.left, piece.top)
        )

    def write(self) -> None:
        """Writes the file, its transparency enlarged bicubically.

        Raises:
            UsageError: It cannot be written; nothing is left of it.
        """
        if self._photo.alpha is not None:
            alpha = Image.fromarray(self._photo.alpha)
            self._canvas.putalpha(alpha.resize(self.size, Image.Resampling.BICUBIC))
        with _whole_file(self._out) as partial:
            self._canvas.save(
                partial, self._format.name, **self._format.options, **self._photo.kept
            )


@contextmanager
def _whole_file(path: Path) -> Iterator[Path]:
    """A hidden file to write, which becomes `path`; after an error nothing is left of it."""
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror or error}",
            "free the disk, or give another --out",
        ) from error
    finally:
        partial.unlink(missing_ok=True)
