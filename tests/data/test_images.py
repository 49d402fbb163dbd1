"""Reading images, and naming those that cannot be used."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.data.images import Pair, list_images, read_image, read_pair
from nas.errors import DataError

Write = Callable[..., Path]


def truncate(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


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


def test_digests_are_of_the_pixels_and_their_shape(tmp_path: Path, write: Write) -> None:
    a, same, other = (write(tmp_path / name, seed=seed) for name, seed in NAMED)
    first = read_pair(a, None, 3).digests()
    assert first == read_pair(same, None, 3).digests()
    assert not set(first) & set(read_pair(other, None, 3).digests())
    flat = np.zeros((6, 9, 3), np.uint8)
    lr = flat[::3, ::3]
    wide, tall = Pair("", lr, flat), Pair("", lr.reshape(3, 2, 3), flat.reshape(9, 6, 3))
    assert not set(wide.digests()) & set(tall.digests())


NAMED = [("a.png", 0), ("b.bmp", 0), ("c.png", 1)]
