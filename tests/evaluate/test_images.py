"""Images of an evaluation; JPEG files are known by what is in them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.errors import DataError
from nas.evaluate.images import load_images
from tests.evaluate.conftest import photograph


def write(file: Path, kind: str, height: int = 36, width: int = 48) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as stream:
        Image.fromarray(photograph(height, width)).save(stream, format=kind)


@pytest.fixture(autouse=True)
def _new_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_jpegs_are_known_by_their_content(tmp_path: Path) -> None:
    for name, kind in (("a.png", "PNG"), ("b.jpg", "JPEG"), ("c.png", "JPEG"), ("d.jpg", "PNG")):
        write(tmp_path / "set" / name, kind)
    found = load_images(str(tmp_path / "set"), scale=3, on_skip=pytest.fail)
    assert found.name == "set"
    assert [pair.name for pair in found.pairs] == ["a.png", "b.jpg", "c.png", "d.jpg"]
    assert found.jpegs == {"b.jpg", "c.png"}


def test_low_resolution_files_are_taken_as_they_are(tmp_path: Path) -> None:
    write(tmp_path / "HR" / "a.png", "PNG")
    write(tmp_path / "HR" / "b.png", "PNG")
    write(tmp_path / "LR_bicubic" / "X3" / "ax3.png", "PNG", 12, 16)
    write(tmp_path / "LR_bicubic" / "X3" / "bx3.png", "JPEG", 12, 16)
    found = load_images(str(tmp_path), scale=3, on_skip=pytest.fail)
    np.testing.assert_array_equal(found.pairs[0].lr, photograph(12, 16))
    assert found.jpegs == {"b.png"}


def test_of_a_set_that_trains_only_what_validates_is_read(tmp_path: Path) -> None:
    write(tmp_path / "train" / "a.png", "PNG")
    write(tmp_path / "valid" / "b.png", "PNG")
    found = load_images(str(tmp_path), scale=3, on_skip=pytest.fail)
    assert [pair.name for pair in found.pairs] == ["b.png"]


def test_images_too_small_for_the_figures_are_skipped(tmp_path: Path) -> None:
    write(tmp_path / "a.png", "PNG")
    write(tmp_path / "b.png", "PNG", 15, 48)
    skipped: list[str] = []
    found = load_images(str(tmp_path), scale=3, on_skip=skipped.append)
    assert [pair.name for pair in found.pairs] == ["a.png"]
    assert skipped == ["b.png: LR is 5x16, smaller than 6x6"]


def test_the_bundled_photographs_say_which_are_jpegs() -> None:
    found = load_images("bundled", scale=3, on_skip=pytest.fail)
    assert (found.name, len(found.pairs)) == ("bundled", 8)
    assert found.jpegs == {"rocket", "retina", "hubble_deep_field"}


def test_a_folder_without_images_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no image files"):
        load_images(str(tmp_path), scale=3, on_skip=pytest.fail)
