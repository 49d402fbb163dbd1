"""Mapped pairs are the pairs that were written, in this process and in others."""

import json
import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from nas.data.images import Pair
from nas.data.mapped import LeftOut, MappedPair, open_map, write_map
from nas.errors import DataError


def pairs(*sizes: tuple[int, int]) -> list[Pair]:
    rng = np.random.default_rng(0)
    return [
        Pair(
            f"{i}.png",
            rng.integers(0, 256, (height, width, 3), np.uint8),
            rng.integers(0, 256, (3 * height, 3 * width, 3), np.uint8),
        )
        for i, (height, width) in enumerate(sizes)
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    first, second = pairs((4, 5), (7, 2))
    write_map([first, LeftOut("bad.png", "torn"), second], tmp_path / "map")
    return tmp_path / "map"


def test_what_was_written_is_read(folder: Path) -> None:
    first, bad, second = open_map(folder) or []
    assert bad == LeftOut("bad.png", "torn")
    for found, expected in zip((first, second), pairs((4, 5), (7, 2)), strict=True):
        assert isinstance(found, MappedPair)
        assert found.name == expected.name
        np.testing.assert_array_equal(found.lr, expected.lr)
        np.testing.assert_array_equal(found.hr, expected.hr)
        assert found.digests() == expected.digests()


def test_pixels_are_plain_arrays_that_cannot_be_written(folder: Path) -> None:
    pair = (open_map(folder) or [])[0]
    assert isinstance(pair, Pair)
    for image in (pair.lr, pair.hr):
        assert type(image) is np.ndarray
        with pytest.raises(ValueError, match="read-only"):
            image[0, 0, 0] = 1


def test_the_files_are_the_pixels_one_after_the_other(folder: Path) -> None:
    first, second = pairs((4, 5), (7, 2))
    assert (folder / "lr.u8").read_bytes() == first.lr.tobytes() + second.lr.tobytes()
    assert (folder / "hr.u8").read_bytes() == first.hr.tobytes() + second.hr.tobytes()


def test_strided_pixels_are_written_as_they_look(tmp_path: Path) -> None:
    (pair,) = pairs((4, 4))
    turned = Pair("turned", pair.lr.swapaxes(0, 1), pair.hr.swapaxes(0, 1))
    write_map([turned], tmp_path / "map")
    (found,) = open_map(tmp_path / "map") or []
    assert isinstance(found, Pair)
    np.testing.assert_array_equal(found.hr, turned.hr)
    assert found.digests() == turned.digests()


def test_a_pair_travels_without_its_pixels(folder: Path) -> None:
    _, _, pair = open_map(folder) or []
    data = pickle.dumps(pair)
    assert len(data) < 300 < pair.hr.nbytes  # type: ignore[union-attr]
    again = pickle.loads(data)
    assert isinstance(again, MappedPair)
    np.testing.assert_array_equal(again.hr, pair.hr)  # type: ignore[union-attr]


def test_a_pair_whose_files_are_gone_says_so(folder: Path, tmp_path: Path) -> None:
    data = pickle.dumps((open_map(folder) or [])[0])
    other = tmp_path / "other"
    shutil.move(folder, other)
    with pytest.raises(DataError) as caught:
        pickle.loads(data)
    assert str(caught.value) == (
        f"the decoded images in {folder} are gone (start again: they are remade)"
    )


def test_a_folder_without_usable_images_is_remembered(tmp_path: Path) -> None:
    write_map([LeftOut("bad.png", "torn")], tmp_path / "map")
    assert open_map(tmp_path / "map") == [LeftOut("bad.png", "torn")]


def test_images_are_written_as_they_come(tmp_path: Path) -> None:
    """So that memory never holds them all."""
    large = pairs(*[(200, 200)] * 3)
    sizes = []

    def come() -> Iterator[Pair]:
        for pair in large:
            file = tmp_path / "map" / "hr.u8"
            sizes.append(file.stat().st_size)
            yield pair

    write_map(come(), tmp_path / "map")
    assert sizes == [0, large[0].hr.nbytes, 2 * large[0].hr.nbytes]


DAMAGE = {
    "no index": lambda folder: (folder / "index.json").unlink(),
    "no pixels": lambda folder: (folder / "hr.u8").unlink(),
    "cut": lambda folder: (folder / "hr.u8").write_bytes(b"short"),
    "longer": lambda folder: (folder / "lr.u8").write_bytes(bytes(9999)),
    "empty": lambda folder: (folder / "index.json").write_text(""),
    "other": lambda folder: (folder / "index.json").write_text("[1]"),
    "moved": lambda folder: edit(folder, 0, hr=[10**6, 12, 15, 3]),
    "larger": lambda folder: edit(folder, 2, lr=[60, 70, 20, 3]),
    "unnamed": lambda folder: edit(folder, 0, name=None),
}


def edit(folder: Path, place: int, **changes: object) -> None:
    index = json.loads((folder / "index.json").read_text())
    index["images"][place].update(changes)
    index["images"][place] = {k: v for k, v in index["images"][place].items() if v is not None}
    (folder / "index.json").write_text(json.dumps(index))


@pytest.mark.parametrize("how", DAMAGE)
def test_damage_is_noticed(folder: Path, how: str) -> None:
    assert open_map(folder) is not None
    DAMAGE[how](folder)
    assert open_map(folder) is None
