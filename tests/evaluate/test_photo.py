"""Photographs of every kind: turned, transparent, grey, deep, printed, damaged."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from nas.errors import DataError
from nas.evaluate.photo import read_photo
from tests.networks import smooth_images

ORIENTATION = 0x0112
COLOURS = smooth_images(1, 6, 9, seed=2)[0]
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
TURNED = {  # orientation: how the file shows what is upright, from the EXIF standard
    1: lambda x: x,
    2: lambda x: x[:, ::-1],  # mirrored
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: x.swapaxes(0, 1)[::-1],  # the camera was turned to the left
    7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
    8: lambda x: x.swapaxes(0, 1)[:, ::-1],
}


def profile_of(space: bytes) -> bytes:
    return SRGB[:16] + space + SRGB[20:]


def exif(orientation: int) -> Image.Exif:
    found = Image.Exif()
    found[ORIENTATION] = orientation
    return found


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_a_photo_is_turned_as_its_orientation_says(
    orientation: int, suffix: str, tmp_path: Path
) -> None:
    as_stored = np.ascontiguousarray(TURNED[orientation](COLOURS))
    file = tmp_path / f"a.{suffix}"
    options = {"lossless": True} if suffix == "webp" else {}
    Image.fromarray(as_stored).save(file, exif=exif(orientation), dpi=(100, 200), **options)
    photo = read_photo(file)
    np.testing.assert_array_equal(photo.rgb, COLOURS)
    assert "exif" not in photo.kept
    if suffix != "webp":  # which has no resolution
        dpi = (200, 100) if orientation >= 5 else (100, 200)
        assert photo.kept["dpi"] == pytest.approx(dpi, abs=0.02)  # PNG counts pixels per metre


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_what_is_no_orientation_turns_nothing(orientation: int, tmp_path: Path) -> None:
    Image.fromarray(COLOURS).save(tmp_path / "a.png", exif=exif(orientation))
    np.testing.assert_array_equal(read_photo(tmp_path / "a.png").rgb, COLOURS)


@pytest.mark.parametrize("junk", [b"", b"Exif\0\0nothing", b"Exif\0\0II*\0\xff\xff\xff\xff", b"MM"])
def test_damaged_exif_turns_nothing(junk: bytes, tmp_path: Path) -> None:
    Image.fromarray(COLOURS).save(tmp_path / "a.png", exif=junk)
    np.testing.assert_array_equal(read_photo(tmp_path / "a.png").rgb, COLOURS)


def saved(folder: Path, image: Image.Image, name: str = "a.png", **options: object) -> Path:
    image.save(folder / name, **options)  # type: ignore[arg-type]
    return folder / name


def test_alpha_is_kept_apart_and_turned_too(tmp_path: Path) -> None:
    alpha = np.arange(54, dtype=np.uint8).reshape(6, 9)
    pixels = np.ascontiguousarray(np.dstack([COLOURS, alpha])[::-1, ::-1])
    photo = read_photo(saved(tmp_path, Image.fromarray(pixels), exif=exif(3)))
    assert photo.alpha is not None
    np.testing.assert_array_equal(photo.alpha, alpha)
    np.testing.assert_array_equal(photo.rgb, COLOURS)
    assert not photo.is_grey


def test_a_transparent_colour_is_alpha(tmp_path: Path) -> None:
    palette = Image.fromarray(COLOURS).quantize(8)
    photo = read_photo(saved(tmp_path, palette, transparency=3))
    assert photo.alpha is not None
    np.testing.assert_array_equal(photo.alpha == 0, np.asarray(palette) == 3)
    np.testing.assert_array_equal(photo.rgb, np.asarray(palette.convert("RGB")))


def test_an_opaque_palette_is_colour_without_alpha(tmp_path: Path) -> None:
    photo = read_photo(saved(tmp_path, Image.fromarray(COLOURS).quantize(8)))
    assert (photo.alpha, photo.is_grey) == (None, False)


GREY = COLOURS[..., 0]


@pytest.mark.parametrize(
    ("image", "grey", "notes"),
    [
        (Image.fromarray(GREY), GREY, ()),
        (Image.fromarray(GREY.astype(np.uint16) * 257), GREY, ("its 16 bits become 8",)),
        (Image.fromarray(GREY > 100), np.where(GREY > 100, 255, 0), ()),
    ],
    ids=["8 bits", "16 bits", "1 bit"],
)
def test_grey_is_grey(
    image: Image.Image, grey: np.ndarray, notes: tuple[str, ...], tmp_path: Path
) -> None:
    photo = read_photo(saved(tmp_path, image))
    assert (photo.is_grey, photo.alpha, photo.notes) == (True, None, notes)
    np.testing.assert_array_equal(photo.rgb, np.dstack([grey] * 3))


def test_grey_with_alpha(tmp_path: Path) -> None:
    image = Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(GREY[::-1].copy())])
    photo = read_photo(saved(tmp_path, image))
    assert photo.is_grey
    np.testing.assert_array_equal(photo.alpha, GREY[::-1])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mode", "space", "kept"),
    [("RGB", b"RGB ", True), ("RGB", b"GRAY", False), ("L", b"GRAY", True), ("L", b"RGB ", False)],
)
def test_a_colour_profile_is_kept_where_it_fits(
    mode: str, space: bytes, kept: bool, tmp_path: Path
) -> None:
    image = Image.fromarray(COLOURS).convert(mode)
    photo = read_photo(saved(tmp_path, image, icc_profile=profile_of(space)))
    assert photo.kept == ({"icc_profile": profile_of(space)} if kept else {})
    assert bool(photo.notes) is not kept


def test_cmyk_becomes_rgb_without_the_printers_profile(tmp_path: Path) -> None:
    image = Image.fromarray(COLOURS).convert("CMYK")
    for name, options in (("plain", {}), ("junk", {"icc_profile": profile_of(b"CMYK")})):
        photo = read_photo(saved(tmp_path, image, f"{name}.tif", **options))
        np.testing.assert_array_equal(photo.rgb, np.asarray(image.convert("RGB")))
        assert (photo.is_grey, photo.kept.get("icc_profile")) == (False, None)


def test_further_frames_are_named(tmp_path: Path) -> None:
    first = Image.fromarray(COLOURS)
    file = saved(
        tmp_path,
        first,
        "a.tif",
        save_all=True,
        append_images=[Image.fromarray(COLOURS[::-1].copy())],
    )
    photo = read_photo(file)
    assert photo.notes == ("of its frames or pages only the first is taken",)
    np.testing.assert_array_equal(photo.rgb, COLOURS)


def huge(file: Path) -> None:
    """A PNG file that says that it is large, and is not."""
    Image.new("1", (1, 1)).save(file, pnginfo=PngInfo())
    content = bytearray(file.read_bytes())
    content[16:24] = struct.pack(">II", 20_000, 20_000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    file.write_bytes(content)


def large(file: Path) -> None:
    Image.new("1", (9_000, 10_000)).save(file)


def cut_short(file: Path) -> None:
    Image.fromarray(smooth_images(1, 90, 90)[0]).save(file)
    file.write_bytes(file.read_bytes()[:900])


BAD = [  # how the file is made, what is said of it
    (lambda file: None, "no such image: {}"),
    (lambda file: file.write_text("hello"), "cannot read image {}: no known image format"),
    (lambda file: file.write_text(""), "cannot read image {}: no known image format"),
    (lambda file: file.mkdir(), "cannot read image {}: "),
    (cut_short, "cannot read image {}: "),
    (huge, "{} has more than 89,478,485 pixels"),
    (large, "{} has more than 89,478,485 pixels"),
    (
        lambda file: Image.fromarray(GREY.astype(np.float32)).save(file, "TIFF"),
        "the pixels of {} are F, not grey, RGB, CMYK or a palette",
    ),
]


@pytest.mark.parametrize(("make", "message"), BAD)
def test_what_is_no_photo_is_named(make, message: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "a.png"
    make(file)
    with pytest.raises(DataError) as caught:
        read_photo(file)
    assert caught.value.message.startswith(message.format(file))
    assert caught.value.hint
