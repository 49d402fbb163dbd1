"""The enlarged photograph as a file."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.errors import DataError, UsageError
from nas.evaluate.enlarged import FORMATS, Enlarged, check_format
from nas.evaluate.photo import Photo, read_photo
from nas.evaluate.tiles import Tiling, in_pieces
from nas.evaluate.upscaler import upscale_nearest
from tests.networks import smooth_images

COLOURS = smooth_images(1, 20, 30, seed=4)[0]


def photo_of(*, grey: bool = False, alpha: bool = False, **kept: object) -> Photo:
    rgb = np.dstack([COLOURS[..., 0]] * 3) if grey else COLOURS
    return Photo(rgb, COLOURS[..., 1].copy() if alpha else None, grey, dict(kept), ())


def written(photo: Photo, out: Path) -> Image.Image:
    enlarged = Enlarged(photo, 2, out)
    tiling = Tiling(8, 9, margin=1)
    for piece in in_pieces(lambda x: upscale_nearest(x, 2), photo.rgb, scale=2, tiling=tiling):
        enlarged.add(piece)
    enlarged.write()
    found = Image.open(out)
    found.load()  # and close the file
    return found


@pytest.mark.parametrize(
    ("grey", "alpha", "mode"),
    [(False, False, "RGB"), (False, True, "RGBA"), (True, False, "L"), (True, True, "LA")],
)
def test_pieces_become_a_file_of_the_same_kind(
    grey: bool, alpha: bool, mode: str, tmp_path: Path
) -> None:
    photo = photo_of(grey=grey, alpha=alpha)
    found = written(photo, tmp_path / "a.png")
    assert (found.mode, found.size) == (mode, (60, 40))
    np.testing.assert_array_equal(np.asarray(found.convert("RGB")), upscale_nearest(photo.rgb, 2))
    if photo.alpha is not None:
        bicubic = Image.fromarray(photo.alpha).resize((60, 40), Image.Resampling.BICUBIC)
        np.testing.assert_array_equal(np.asarray(found.getchannel("A")), np.asarray(bicubic))
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_profile_and_resolution_are_in_the_file(tmp_path: Path) -> None:
    found = written(photo_of(icc_profile=b"some profile", dpi=(72.0, 300.0)), tmp_path / "a.png")
    assert found.info["icc_profile"] == b"some profile"
    assert found.info["dpi"] == pytest.approx((72, 300), abs=0.02)


def test_the_file_is_upright_and_says_nothing_of_turning(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(COLOURS).save(tmp_path / "turned.jpg", exif=exif, quality=100)
    photo = read_photo(tmp_path / "turned.jpg")
    found = written(photo, tmp_path / "a.png")
    assert found.size == (40, 60)  # the photo was 30x20 and lay on its side
    assert found.getexif().get(0x0112) is None


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_name_says_the_format(suffix: str, tmp_path: Path) -> None:
    found = written(photo_of(), tmp_path / f"a{suffix.upper()}")
    assert found.format == check_format(Path(f"a{suffix}")).name
    error = np.asarray(found.convert("RGB")).astype(int) - upscale_nearest(COLOURS, 2)
    assert np.abs(error).mean() < 3


def test_transparency_in_jpeg_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a\.jpg cannot hold the transparency of the photo"):
        Enlarged(photo_of(alpha=True), 2, tmp_path / "a.jpg")


def test_sides_that_a_format_cannot_hold_are_refused(tmp_path: Path) -> None:
    rgb = np.zeros((1, 8_000, 3), np.uint8)
    with pytest.raises(UsageError, match="cannot hold 24000x3 pixels, a side of WEBP has at most"):
        Enlarged(Photo(rgb, None, False, {}, ()), 3, tmp_path / "a.webp")
    Enlarged(Photo(rgb, None, False, {}, ()), 3, tmp_path / "a.png")


def test_too_little_memory_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(mode: str, size: tuple[int, int]) -> None:
        raise MemoryError

    monkeypatch.setattr(Image, "new", full)
    with pytest.raises(DataError, match="60x40 pixels are more than the memory holds"):
        Enlarged(photo_of(), 2, tmp_path / "a.png")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_fails_midway_leaves_nothing(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(self: Image.Image, file: Path, *given: object, **options: object) -> None:
        file.write_bytes(b"half of it")
        raise error

    enlarged = Enlarged(photo_of(), 2, tmp_path / "a.png")
    monkeypatch.setattr(Image.Image, "save", half)
    with pytest.raises((UsageError, KeyboardInterrupt)) as caught:
        enlarged.write()
    if isinstance(error, OSError):
        assert "a.png cannot be written: No space left on device" in str(caught.value)
    assert list(tmp_path.iterdir()) == []
