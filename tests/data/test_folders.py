"""Folders of images, and naming those that cannot be used."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nas.data.folders import load_folder
from nas.data.images import Pair, read_image
from nas.data.resample import downscale
from nas.errors import DataError
from tests.data.test_images import truncate

Write = Callable[..., Path]


def load(folder: Path, min_lr: int = 8, **more: Path) -> tuple[list[Pair], list[str]]:
    skipped: list[str] = []
    return load_folder(folder, scale=3, min_lr=min_lr, on_skip=skipped.append, **more), skipped


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


def test_the_layouts_of_published_sets_are_known(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "Flickr2K_HR" / "000001.png", 36, 45)
    lr = write(tmp_path / "Flickr2K_LR_bicubic" / "X3" / "000001x3.png", 12, 15, seed=1)
    (pair,), skipped = load(tmp_path)
    assert (pair.name, skipped) == ("000001.png", [])
    np.testing.assert_array_equal(pair.lr, read_image(lr))
