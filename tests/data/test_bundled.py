"""The default images need no network, and a damaged cache does no harm."""

from pathlib import Path

import numpy as np
import pytest

from nas.data import bundled
from nas.data.bundled import bundled_training, bundled_validation, cache_folder
from nas.data.resample import downscale
from nas.errors import DataError


@pytest.fixture(autouse=True)
def _few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundled, "_COUNT", 2)
    monkeypatch.setattr(bundled, "_SIZE", 48)


def hr(folder: Path, seed: int = 0) -> np.ndarray:
    return np.stack([pair.hr for pair in bundled_training(3, seed, folder)])


def test_training_pairs_fit_together(tmp_path: Path) -> None:
    for scale in (2, 3, 4):
        for pair in bundled_training(scale, 0, tmp_path):
            assert pair.hr.shape == (48, 48, 3)
            np.testing.assert_array_equal(pair.lr, downscale(pair.hr, scale))


def test_the_second_time_comes_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = hr(tmp_path)
    monkeypatch.setattr(bundled, "dead_leaves", None)  # calling it would raise
    np.testing.assert_array_equal(hr(tmp_path), first)
    assert [file.suffix for file in tmp_path.iterdir()] == [".npz"]  # and no temporary file


def test_seeds_have_caches_of_their_own(tmp_path: Path) -> None:
    assert not np.array_equal(hr(tmp_path, seed=0), hr(tmp_path, seed=1))
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "flipped", "other"])
def test_a_damaged_cache_is_made_anew(tmp_path: Path, damage: str) -> None:
    first = hr(tmp_path)
    (file,) = tmp_path.iterdir()
    good = file.read_bytes()
    if damage == "other":
        np.savez(file, images=np.zeros((2, 4, 4, 3), np.uint8))
    else:
        middle = len(good) // 2
        flipped = good[:middle] + bytes([good[middle] ^ 255]) + good[middle + 1 :]
        bad = {"empty": b"", "text": b"hello", "cut": good[:middle], "flipped": flipped}
        file.write_bytes(bad[damage])
    np.testing.assert_array_equal(hr(tmp_path), first)
    with np.load(file) as archive:
        np.testing.assert_array_equal(archive["images"], first)


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert len(bundled_training(3, 0, tmp_path / "file" / "cache")) == 2


def test_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache_folder() == Path("/somewhere/nas")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert cache_folder() == Path("/home/someone/.cache/nas")


def test_validation_is_eight_whole_photographs() -> None:
    pairs = bundled_validation(3)
    assert [(pair.name, pair.hr.shape) for pair in pairs] == [
        ("astronaut", (512 // 3 * 3, 512 // 3 * 3, 3)),
        ("coffee", (400 // 3 * 3, 600, 3)),
        ("chelsea", (300, 451 // 3 * 3, 3)),
        ("rocket", (427 // 3 * 3, 640 // 3 * 3, 3)),
        ("motorcycle_left", (500 // 3 * 3, 741, 3)),
        ("motorcycle_right", (500 // 3 * 3, 741, 3)),
        ("retina", (1411 // 2 // 3 * 3, 1411 // 2 // 3 * 3, 3)),
        ("hubble_deep_field", (872 // 2 // 3 * 3, 1000 // 2 // 3 * 3, 3)),
    ]
    assert all(pair.lr.shape[0] * 3 == pair.hr.shape[0] for pair in pairs)


def test_missing_photographs_are_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundled, "find_spec", lambda name: None)
    with pytest.raises(DataError) as caught:
        bundled_validation(3)
    assert str(caught.value) == (
        "the photographs of scikit-image are missing from this installation "
        "(reinstall scikit-image, or give a folder of images to validate on)"
    )
