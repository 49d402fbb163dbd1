"""Where images lie: each published layout is found, and plain folders stay plain."""

from pathlib import Path

import pytest

from nas.data.layouts import Found, find_images, find_parts
from nas.errors import DataError

# What lies below the folder `set`, which folder is given, and HR and LR of each image at x3.
LAYOUTS = {
    "plain": (["a.png", "b.jpg", "notes.txt"], "set", [("a.png", None), ("b.jpg", None)]),
    "DIV2K": (
        ["DIV2K_train_HR/0001.png", "DIV2K_train_LR_bicubic/X3/0001x3.png"],
        "set/DIV2K_train_HR",
        [("DIV2K_train_HR/0001.png", "DIV2K_train_LR_bicubic/X3/0001x3.png")],
    ),
    "DIV2K at another scale": (
        ["DIV2K_train_HR/0001.png", "DIV2K_train_LR_bicubic/X2/0001x2.png"],
        "set/DIV2K_train_HR",
        [("DIV2K_train_HR/0001.png", None)],
    ),
    "Flickr2K": (
        ["Flickr2K_HR/1.png", "Flickr2K_LR_bicubic/X3/1x3.png", "Flickr2K_LR_unknown/X3/1x3.png"],
        "set",
        [("Flickr2K_HR/1.png", "Flickr2K_LR_bicubic/X3/1x3.png")],
    ),
    "benchmark": (
        ["HR/baby.png", "LR_bicubic/X3/babyx3.png", "LR_bicubic/X2/babyx2.png"],
        "set",
        [("HR/baby.png", "LR_bicubic/X3/babyx3.png")],
    ),
    "benchmark, HR": (
        ["HR/baby.png", "LR_bicubic/X3/babyx3.png"],
        "set/HR",
        [("HR/baby.png", "LR_bicubic/X3/babyx3.png")],
    ),
    "benchmark in small letters": (
        ["HR/baby.png", "LR_bicubic/x3/baby.png"],
        "set",
        [("HR/baby.png", "LR_bicubic/x3/baby.png")],
    ),
    "HR alone": (["HR/baby.png"], "set", [("HR/baby.png", None)]),
    "HR and LR": (
        ["HR/a.png", "HR/b.png", "LR/a.png", "LR/bx3.png"],
        "set",
        [("HR/a.png", "LR/a.png"), ("HR/b.png", "LR/bx3.png")],
    ),
    "HR and LR before direct images": (
        ["c.png", "HR/a.png", "LR/a.png"],
        "set",
        [("HR/a.png", "LR/a.png")],
    ),
    "direct images before HR": (["c.png", "HR/a.png"], "set", [("c.png", None)]),
    "GTmod12": (
        ["GTmod12/baby.png", "LRbicx3/baby.png", "LRbicx4/baby.png"],
        "set",
        [("GTmod12/baby.png", "LRbicx3/baby.png")],
    ),
    "SelfExSR": (
        [
            *("image_SRF_2/img_001_SRF_2_HR.png", "image_SRF_2/img_001_SRF_2_LR.png"),
            *("image_SRF_3/img_001_SRF_3_HR.png", "image_SRF_3/img_001_SRF_3_LR.png"),
            *("image_SRF_3/img_001_SRF_3_SelfExSR.png", "image_SRF_3/img_002_SRF_3_HR.png"),
        ],
        "set",
        [
            ("image_SRF_3/img_001_SRF_3_HR.png", "image_SRF_3/img_001_SRF_3_LR.png"),
            ("image_SRF_3/img_002_SRF_3_HR.png", None),
        ],
    ),
    "SelfExSR, one factor": (
        ["img_001_SRF_3_HR.png", "img_001_SRF_3_LR.png", "img_001_SRF_2_HR.png"],
        "set",
        [("img_001_SRF_3_HR.png", "img_001_SRF_3_LR.png")],
    ),
    "no LR of that name": (
        ["HR/a.png", "HR/b.png", "LR_bicubic/X3/ax3.png"],
        "set",
        [("HR/a.png", "LR_bicubic/X3/ax3.png"), ("HR/b.png", None)],
    ),
}
MAKES_LR = {"plain", "DIV2K at another scale", "HR alone", "direct images before HR"}


def lay(folder: Path, files: list[str]) -> Path:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    return folder


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_found(tmp_path: Path, name: str) -> None:
    files, given, expected = LAYOUTS[name]
    root = lay(tmp_path / "set", files)
    found = find_images(tmp_path / given, 3)
    pairs = tuple((root / hr, lr and root / lr) for hr, lr in expected)
    folder = (root / expected[0][0]).parent
    assert found == Found(folder, pairs, has_lr=name not in MAKES_LR)


def test_the_lr_folder_may_be_named(tmp_path: Path) -> None:
    root = lay(tmp_path, ["HR/a.png", "LR/a.png", "mine/ax3.png"])
    found = find_images(root / "HR", 3, root / "mine")
    assert found.files == ((root / "HR/a.png", root / "mine/ax3.png"),)


ERRORS = {
    "missing": (None, "no such folder: {root} (check the path)"),
    "two parts": (
        ["DIV2K_train_HR/1.png", "DIV2K_valid_HR/2.png"],
        "{root} holds DIV2K_train_HR and DIV2K_valid_HR (name one of these folders)",
    ),
    "other factors": (
        ["image_SRF_2/a_SRF_2_HR.png", "image_SRF_4/a_SRF_4_HR.png"],
        "{root} has no images for x3, only image_SRF_2, image_SRF_4 (use another scale)",
    ),
    "another factor": (
        ["a_SRF_2_HR.png", "a_SRF_2_LR.png"],
        "{root} has no images for x3 (use another scale)",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, name: str) -> None:
    files, message = ERRORS[name]
    root = tmp_path / "set"
    if files:
        lay(root, files)
    with pytest.raises(DataError) as caught:
        find_images(root, 3)
    assert str(caught.value) == message.format(root=root)


PARTS = {
    "plain": (["a.png"], "", None),
    "train and valid": (["train/a.png", "valid/b.png"], "train", "valid"),
    "train and valid before images": (["c.png", "train/a.png", "valid/b.png"], "train", "valid"),
    "train and val": (["train/a.png", "val/b.png", "test/c.png"], "train", "val"),
    "images before train and val": (["c.png", "train/a.png", "val/b.png"], "", None),
    "DIV2K": (
        ["DIV2K_train_HR/1.png", "DIV2K_train_LR_bicubic/X3/1x3.png", "DIV2K_valid_HR/2.png"],
        "DIV2K_train_HR",
        "DIV2K_valid_HR",
    ),
    "DIV2K without validation": (["DIV2K_train_HR/1.png"], "DIV2K_train_HR", None),
    "DIV2K without training": (["DIV2K_valid_HR/1.png"], "", None),
    "of two sets": (["A_train_HR/1.png", "B_train_HR/1.png"], "", None),
    "missing": ([], "", None),
}


@pytest.mark.parametrize("name", PARTS)
def test_parts_are_found(tmp_path: Path, name: str) -> None:
    files, train, valid = PARTS[name]
    root = lay(tmp_path / "set", files)
    assert find_parts(root) == (root / train, None if valid is None else root / valid)
