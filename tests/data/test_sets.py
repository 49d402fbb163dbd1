"""What trains and what validates."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nas.data import bundled
from nas.data.images import read_image
from nas.data.sets import Dataset, load_dataset
from nas.errors import DataError

Write = Callable[..., Path]


def load(source: object, **more: object) -> Dataset:
    return load_dataset(str(source), scale=3, lr_patch=8, **more)  # type: ignore[arg-type]


def names(dataset: Dataset) -> tuple[list[str], list[str]]:
    return [pair.name for pair in dataset.train], [pair.name for pair in dataset.valid]


def fill(folder: Path, write: Write, count: int, first: int = 0) -> Path:
    for i in range(first, first + count):
        write(folder / f"{i:02}.png", seed=i)
    return folder


def test_train_and_valid_sub_folders_are_used(tmp_path: Path, write: Write) -> None:
    fill(tmp_path / "train", write, 3)
    fill(tmp_path / "valid", write, 2, first=10)
    dataset = load(tmp_path)
    assert names(dataset) == (["00.png", "01.png", "02.png"], ["10.png", "11.png"])
    assert (dataset.name, dataset.skipped) == (tmp_path.name, ())


def test_the_layout_of_div2k_says_what_validates(tmp_path: Path, write: Write) -> None:
    for part, first in (("train", 0), ("valid", 10)):
        fill(tmp_path / f"DIV2K_{part}_HR", write, 2, first)
        for i in range(first, first + 2):
            lr = tmp_path / f"DIV2K_{part}_LR_bicubic/X3/{i:02}x3.png"
            write(lr, 12, 15, seed=100 + i)
    dataset = load(tmp_path)
    assert names(dataset) == (["00.png", "01.png"], ["10.png", "11.png"])
    np.testing.assert_array_equal(dataset.valid[1].lr, read_image(lr))


def test_a_named_validation_folder_is_used(tmp_path: Path, write: Write) -> None:
    train, valid = fill(tmp_path / "a", write, 2), fill(tmp_path / "b", write, 1, first=10)
    assert names(load(train, valid=str(valid))) == (["00.png", "01.png"], ["10.png"])


@pytest.mark.parametrize(("count", "held"), [(2, 1), (10, 1), (30, 3), (260, 24)])
def test_otherwise_a_tenth_is_held_out(tmp_path: Path, write: Write, count: int, held: int) -> None:
    dataset = load(fill(tmp_path, write, count))
    train, valid = names(dataset)
    assert len(valid) == held
    assert sorted(train + valid) == [file.name for file in sorted(tmp_path.iterdir())]


def test_the_split_depends_on_the_seed_only(tmp_path: Path, write: Write) -> None:
    fill(tmp_path, write, 20)
    assert load(tmp_path, seed=0).digest == load(tmp_path, seed=0).digest
    assert len({tuple(names(load(tmp_path, seed=seed))[1]) for seed in range(5)}) > 1


def test_folders_are_joined_by_commas(tmp_path: Path, write: Write) -> None:
    a, b = fill(tmp_path / "a", write, 2), fill(tmp_path / "b", write, 3, first=10)
    dataset = load(f"{a}, {b}")
    assert dataset.name == "a+b"
    assert len(dataset.train) + len(dataset.valid) == 5


def test_equal_images_are_kept_once(tmp_path: Path, write: Write) -> None:
    fill(tmp_path, write, 3)
    shutil.copy(tmp_path / "00.png", tmp_path / "twin.png")
    write(tmp_path / "twin.bmp", seed=1)  # the same pixels in another file
    told: list[str] = []
    dataset = load(tmp_path, on_skip=told.append)
    assert len(dataset.train) + len(dataset.valid) == 3
    expected = ["twin.bmp: same pixels as 01.png", "twin.png: same pixels as 00.png"]
    assert told == expected
    assert dataset.skipped == tuple(expected)


def test_an_image_in_both_parts_only_validates(tmp_path: Path, write: Write) -> None:
    fill(tmp_path / "train", write, 3)
    write(tmp_path / "valid" / "v.png", seed=1)
    dataset = load(tmp_path)
    assert names(dataset) == (["00.png", "02.png"], ["v.png"])
    assert dataset.skipped == (
        "01.png: same pixels as the validation image v.png, left out of training",
    )


def test_the_digest_is_of_pixels_and_parts(tmp_path: Path, write: Write) -> None:
    a, b = fill(tmp_path / "a", write, 2), fill(tmp_path / "b", write, 2, first=10)
    forth = load(a, valid=str(b)).digest
    assert re.fullmatch("[0-9a-f]{16}", forth)
    assert load(b, valid=str(a)).digest != forth
    (a / "00.png").rename(a / "0.png")
    assert load(a, valid=str(b)).digest == forth
    write(a / "0.png", seed=5)
    assert load(a, valid=str(b)).digest != forth


def test_moving_an_image_between_the_parts_changes_the_digest(tmp_path: Path, write: Write) -> None:
    two, one = fill(tmp_path / "a" / "train", write, 2), fill(tmp_path / "b" / "train", write, 1)
    fill(two.parent / "valid", write, 1, first=2)
    fill(one.parent / "valid", write, 2, first=1)  # the same three images in the same order
    assert load(tmp_path / "a").digest != load(tmp_path / "b").digest


def test_bad_images_are_told_and_kept(tmp_path: Path, write: Write) -> None:
    fill(tmp_path, write, 3)
    (tmp_path / "bad.png").write_text("hello")
    told: list[str] = []
    dataset = load(tmp_path, on_skip=told.append)
    assert told == ["bad.png: no known image format"]
    assert dataset.skipped == tuple(told)


def test_the_bundled_images_are_a_dataset(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundled, "_COUNT", 2)
    monkeypatch.setattr(bundled, "_SIZE", 48)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    dataset = load("bundled")
    assert (dataset.name, len(dataset.train), len(dataset.valid)) == ("bundled", 2, 8)
    photographs = fill(tmp_path / "mine", write, 2)
    assert len(load("bundled", valid=str(photographs)).valid) == 2
    assert len(load(photographs, valid="bundled").train) == 2
    both = load(f"bundled,{photographs}")
    assert (both.name, len(both.train), len(both.valid)) == ("bundled+mine", 4, 8)


def test_a_single_image_cannot_be_split(tmp_path: Path, write: Write) -> None:
    fill(tmp_path, write, 1)
    with pytest.raises(DataError) as caught:
        load(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} has one usable image, so none is left to validate on "
        "(add images, or name a folder to validate on)"
    )


def test_training_on_nothing_but_the_validation_images_is_refused(
    tmp_path: Path, write: Write
) -> None:
    fill(tmp_path, write, 2)
    with pytest.raises(DataError) as caught:
        load(tmp_path, valid=str(tmp_path))
    assert str(caught.value) == (
        f"all images of {tmp_path} are validation images, too "
        "(train on other images than you validate on)"
    )


def test_an_empty_source_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        load(" , ")
    assert str(caught.value) == "no image folder in ' , ' (give a folder, or \"bundled\")"


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load(tmp_path / "none")
    assert str(caught.value) == f"no such folder: {tmp_path / 'none'} (check the path)"
