"""Reading images, and naming those that cannot be used."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.data.images import Pair, list_images, load_folder, read_image
from nas.data.resample import downscale
from nas.errors import DataError

Write = Callable[..., Path]


def truncate(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def load(folder: Path, min_lr: int = 8, **more: Path) -> tuple[list[Pair], list[str]]:
    skipped: list[str] = []
    return load_folder(folder, scale=3, min_lr=min_lr, on_skip=skipped.append, **more), skipped


MODES = [  # mode, pixel as stored, RGB expected
    ("L", 7, (7, 7, 7)),
    ("1", 1, (255, 255, 255)),
    ("LA", (9, 128), (9, 9, 9)),
    ("RGB", (1, 2, 3), (1, 2, 3)),
    ("RGBA", (1, 2, 3, 100), (1, 2, 3)),
    ("I;16", 257 * 200, (200, 200, 200)),
    ("I;16", 65535, (255, 255, 255)),
    ("I", 77, (77, 77, 77)),
]


@pytest.mark.parametrize(("mode", "pixel", "expected"), MODES)
def test_every_mode_becomes_rgb(
    tmp_path: Path, mode: str, pixel: object, expected: tuple[int, ...]
) -> None:
    file = tmp_path / ("a.tif" if mode == "I" else "a.png")
    Image.new(mode, (5, 4), pixel).save(file)
    image = read_image(file)
    assert (image.shape, image.dtype) == ((4, 5, 3), np.uint8)
    assert tuple(image[3, 4].tolist()) == expected


def test_a_palette_with_transparency_is_read_without_a_warning(tmp_path: Path) -> None:
    image = Image.new("P", (5, 4), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.save(tmp_path / "a.png", transparency=b"\x00\x80")
    assert read_image(tmp_path / "a.png")[0, 0].tolist() == [10, 20, 30]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif", ".webp"])
def test_a_truncated_file_is_named(tmp_path: Path, write: Write, suffix: str) -> None:
    file = write(tmp_path / f"cut{suffix}")
    truncate(file)
    with pytest.raises(DataError) as caught:
        read_image(file)
    assert caught.value.message.startswith(f"cannot read image {file}: ")
    assert caught.value.hint == "replace the file or take it out"


def test_what_is_no_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("hello")
    with pytest.raises(DataError) as caught:
        read_image(tmp_path / "a.png")
    assert caught.value.message == f"cannot read image {tmp_path / 'a.png'}: no known image format"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_image(tmp_path / "a.png")
    assert str(caught.value) == f"no such image: {tmp_path / 'a.png'} (check the path)"


def test_listing_is_sorted_and_holds_images_only(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpeg", "c.webp", "d.Tiff", "readme.txt", "._a.png", "e.bmp"):
        (tmp_path / name).touch()
    (tmp_path / "f.png").mkdir()
    names = [file.name for file in list_images(tmp_path)]
    assert names == ["a.jpeg", "b.PNG", "c.webp", "d.Tiff", "e.bmp"]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        list_images(tmp_path / "none")
    assert str(caught.value) == f"no such folder: {tmp_path / 'none'} (check the path)"


def test_a_file_is_no_folder(tmp_path: Path, write: Write) -> None:
    file = write(tmp_path / "a.png")
    with pytest.raises(DataError) as caught:
        list_images(file)
    assert caught.value.message == f"not a folder: {file}"
    assert caught.value.hint == "give the folder that holds the images"


def test_hr_images_get_their_lr_by_downscaling(tmp_path: Path, write: Write) -> None:
    file = write(tmp_path / "a.png", 37, 47)
    (pair,), skipped = load(tmp_path)
    assert (pair.name, skipped) == ("a.png", [])
    np.testing.assert_array_equal(pair.hr, read_image(file)[:36, :45])
    np.testing.assert_array_equal(pair.lr, downscale(pair.hr, 3))


def test_bad_images_are_named_and_the_rest_is_used(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "good.png")
    write(tmp_path / "small.png", 23, 90)
    write(tmp_path / "tiny.png", 2, 2)
    (tmp_path / "text.png").write_text("hello")
    truncate(write(tmp_path / "cut.jpg"))
    pairs, skipped = load(tmp_path)
    assert [pair.name for pair in pairs] == ["good.png"]
    assert skipped[0].startswith("cut.jpg: ")
    assert str(tmp_path) not in skipped[0]
    assert skipped[1:] == [
        "small.png: LR is 7x30, smaller than 8x8",
        "text.png: no known image format",
        "tiny.png: smaller than 3x3",
    ]


def test_no_usable_image_says_how_many_were_skipped_and_why(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "a.png", 9, 9)
    write(tmp_path / "b.png", 9, 9)
    with pytest.raises(DataError) as caught:
        load(tmp_path)
    assert caught.value.message == (
        f"no usable images in {tmp_path}: 2 skipped, the first is "
        "a.png: LR is 3x3, smaller than 8x8"
    )
    assert caught.value.hint == "images must be readable and at least 24x24 pixels"


def test_an_empty_folder_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load(tmp_path)
    assert caught.value.message == f"no usable images in {tmp_path}: it holds no image files"
    assert caught.value.hint == "use .bmp .jpeg .jpg .png .tif .tiff .webp"


def test_given_lr_images_are_used_as_they_are(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "HR" / "a.png", 36, 45)
    write(tmp_path / "HR" / "b.png", 37, 46)  # cropped: its LR asks for 36x45
    lr = [write(tmp_path / "LR" / name, 12, 15, seed=1) for name in ("a.png", "bx3.png")]
    pairs, skipped = load(tmp_path)
    assert (len(pairs), skipped) == (2, [])
    for pair, file in zip(pairs, lr, strict=True):
        np.testing.assert_array_equal(pair.lr, read_image(file))
        assert pair.hr.shape == (36, 45, 3)


def test_the_lr_folder_may_be_elsewhere(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "hr" / "a.png", 36, 45)
    file = write(tmp_path / "elsewhere" / "a.jpg", 12, 15)
    (pair,), _ = load(tmp_path / "hr", lr_folder=tmp_path / "elsewhere")
    np.testing.assert_array_equal(pair.lr, read_image(file))


def test_pairs_that_do_not_fit_are_named(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "HR" / "alone.png")
    write(tmp_path / "HR" / "fits.png", 36, 45)
    write(tmp_path / "LR" / "fits.png", 12, 15)
    write(tmp_path / "HR" / "off.png", 36, 45)
    write(tmp_path / "LR" / "off.png", 18, 15)
    pairs, skipped = load(tmp_path)
    assert [pair.name for pair in pairs] == ["fits.png"]
    assert skipped == [
        "alone.png: no LR image of that name",
        "off.png: HR is 36x45, but its LR of 18x15 asks for 54x45 at x3",
    ]
