"""Photographs as people have them: turned, transparent, grey, with a colour profile."""

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageCms, ImageOps

from nas.data.images import decoding, to_rgb
from nas.data.resample import Pixels
from nas.errors import DataError

__all__ = ["Photo", "read_photo"]

_GREY = ("1", "L", "LA", "I", "I;16", "I;16L", "I;16B", "I;16N")
_COLOUR = ("P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
_SWAPS_SIDES = 5  # orientations from here on
_COLOUR_SPACE = slice(16, 20)  # of a profile's bytes
_BROKEN_EXIF = (SyntaxError, ValueError, KeyError, TypeError, OSError, struct.error)


@dataclass(frozen=True, slots=True, eq=False)  # arrays have no truth value to compare with
class Photo:
    """A photograph, upright.

    Args:
        rgb: uint8 [height, width, 3]; of a grey photograph all three are alike.
        alpha: uint8 [height, width], or None where all is opaque.
        is_grey: Whether its file has one channel of brightness only.
        kept: What an enlarged copy keeps of the file, as Pillow's `save` takes it: the colour
            profile (`icc_profile`) and the resolution in pixels per inch (`dpi`).
        notes: What is not as in the file, each in a few words.
    """

    rgb: Pixels
    alpha: npt.NDArray[np.uint8] | None
    is_grey: bool
    kept: dict[str, Any]
    notes: tuple[str, ...]


def read_photo(path: Path) -> Photo:
    """Decodes a photograph and turns it as its EXIF orientation says.

    Raises:
        DataError: The file is missing, damaged, no image, larger than Pillow decodes without
            fear of a bomb, or of pixels that are no 8-bit or 16-bit colours.
    """
    with decoding(path), _no_bombs(path), Image.open(path) as image:
        if image.mode not in (*_GREY, *_COLOUR):
            raise DataError(
                f"the pixels of {path} are {image.mode}, not grey, RGB, CMYK or a palette",
                "save it as RGB",
            )
        notes = list(_losses(image))
        orientation = _orientation(image)
        upright = image if orientation == 1 else ImageOps.exif_transpose(image)
        profile, space = _profile(image)
        is_grey = image.mode in _GREY
        if space == b"CMYK" and image.mode == "CMYK":
            upright, profile = _from_cmyk(upright, profile), b""
        elif profile and space != (b"GRAY" if is_grey else b"RGB "):
            notes.append("its colour profile does not fit its pixels and is left out")
            profile = b""
        deep = image.mode.startswith("I")
        alpha = None
        if upright.has_transparency_data and not deep:
            alpha = np.array(upright.convert("RGBA").getchannel("A"))
        kept: dict[str, Any] = {"icc_profile": profile} if profile else {}
        if dpi := _dpi(image, turned=orientation >= _SWAPS_SIDES):
            kept["dpi"] = dpi
        return Photo(np.array(to_rgb(upright)), alpha, is_grey, kept, tuple(notes))


@contextmanager
def _no_bombs(path: Path) -> Iterator[None]:
    """Refuses what Pillow warns of, or refuses itself: images that fill the memory."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata, which no pixel depends on
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise DataError(
            f"{path} has more than {Image.MAX_IMAGE_PIXELS:,} pixels", "make it smaller, or cut it"
        ) from None


def _losses(image: Image.Image) -> Iterator[str]:
    if image.mode.startswith("I"):
        yield "its 16 bits become 8"
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        yield "of its frames or pages only the first is taken"


def _orientation(image: Image.Image) -> int:
    """1 is upright, and whatever is no orientation."""
    try:
        found = image.getexif().get(ExifTags.Base.Orientation, 1)
    except _BROKEN_EXIF:
        return 1
    return found if found in range(1, 9) else 1


def _profile(image: Image.Image) -> tuple[bytes, bytes]:
    """The colour profile, and the colour space that it is made for; empty where there is none."""
    profile = image.info.get("icc_profile") or b""
    return profile, profile[_COLOUR_SPACE]


def _from_cmyk(image: Image.Image, profile: bytes) -> Image.Image:
    """To sRGB by the printer's profile; by Pillow's plain formula where that is damaged."""
    try:
        found = ImageCms.profileToProfile(
            image, io.BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError):
        return image
    return image if found is None else found


def _dpi(image: Image.Image, *, turned: bool) -> tuple[float, float] | None:
    """Across and down; None where the file does not say."""
    try:
        across, down = (float(each) for each in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    if not (0 < across < np.inf and 0 < down < np.inf):
        return None
    return (down, across) if turned else (across, down)
