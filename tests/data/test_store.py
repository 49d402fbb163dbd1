"""Large folders are decoded once; whether mapped or in memory, the images are the same."""

import fcntl
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from nas.data import store
from nas.data.images import Pair
from nas.data.layouts import find_images
from nas.data.mapped import LeftOut, Loaded, MappedPair
from nas.data.sets import load_dataset
from nas.errors import DataError

Write = Callable[..., Path]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "nas" / "images"


@pytest.fixture
def images(tmp_path: Path, write: Write) -> Path:
    """Twelve images, one of them damaged, one too small, one with another size."""
    folder = tmp_path / "images"
    for i in range(9):
        write(folder / f"{i}.png", 36, 45, seed=i)
    write(folder / "odd.png", 40, 50, seed=20)
    write(folder / "tiny.png", 2, 2)
    (folder / "torn.png").write_bytes((folder / "0.png").read_bytes()[:300])
    return folder


@pytest.fixture
def _large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every folder counts as large."""
    monkeypatch.setattr(store, "_LARGE", 0)


def load(folder: Path, scale: int = 3) -> list[Loaded]:
    return store.load_pairs(find_images(folder, scale), scale)


def same(found: list[Loaded], expected: list[Loaded]) -> None:
    assert [image.name for image in found] == [image.name for image in expected]
    for a, b in zip(found, expected, strict=True):
        if isinstance(a, LeftOut) or isinstance(b, LeftOut):
            assert a == b
            continue
        np.testing.assert_array_equal(a.lr, b.lr)
        np.testing.assert_array_equal(a.hr, b.hr)
        assert a.digests() == b.digests()


def kept(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if path.suffix != ".lock")


def mapped(found: list[Loaded]) -> bool:
    return all(isinstance(image, MappedPair | LeftOut) for image in found)


def no_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "read_pair", None)  # calling it would raise


def test_a_small_folder_stays_in_memory(images: Path, cache: Path) -> None:
    assert not mapped(load(images))
    assert not cache.exists()


def test_a_large_folder_is_mapped_and_equal(
    images: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_memory = load(images)
    decoded = sum(1.0 * pair.hr.size * (1 + 1 / 9) for pair in in_memory if isinstance(pair, Pair))
    monkeypatch.setattr(store, "_LARGE", decoded)
    found = load(images)
    assert mapped(found)
    same(found, in_memory)
    assert {left.name for left in found if isinstance(left, LeftOut)} == {"tiny.png", "torn.png"}


@pytest.mark.usefixtures("_large")
def test_the_second_time_nothing_is_decoded(
    images: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load(images)
    no_decoding(monkeypatch)
    monkeypatch.setattr(store, "_LARGE", 10**12)  # what is there is used whatever counts as large
    same(load(images), first)
    assert len(kept(cache)) == 1


CHANGES = {
    "pixels": lambda folder, write: write(folder / "0.png", 36, 45, seed=99),
    "added": lambda folder, write: write(folder / "new.png", 36, 45),
    "removed": lambda folder, write: (folder / "0.png").unlink(),
    "renamed": lambda folder, write: (folder / "0.png").rename(folder / "z.png"),
}


@pytest.mark.usefixtures("_large")
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_the_files_is_noticed_and_the_old_copy_removed(
    images: Path, cache: Path, write: Write, change: str
) -> None:
    load(images)
    (before,) = kept(cache)
    CHANGES[change](images, write)
    found = load(images)
    (after,) = kept(cache)
    assert after != before
    same(found, list(store._decoded(find_images(images, 3), 3)))


@pytest.mark.usefixtures("_large")
def test_a_change_of_an_lr_file_is_noticed(tmp_path: Path, cache: Path, write: Write) -> None:
    write(tmp_path / "HR" / "a.png", 36, 45)
    write(tmp_path / "LR" / "a.png", 12, 15)
    (first,) = load(tmp_path)
    write(tmp_path / "LR" / "a.png", 12, 15, seed=1)
    (second,) = load(tmp_path)
    assert isinstance(first, Pair)
    assert isinstance(second, Pair)
    assert not np.array_equal(first.lr, second.lr)


@pytest.mark.usefixtures("_large")
def test_scales_folders_and_lr_have_copies_of_their_own(
    images: Path, cache: Path, tmp_path: Path, write: Write
) -> None:
    load(images, 3)
    load(images, 2)
    shutil.copytree(images, tmp_path / "twin")
    load(tmp_path / "twin")
    write(tmp_path / "twin" / "HR" / "a.png", 36, 45)
    write(tmp_path / "twin" / "LR" / "a.png", 12, 15)
    load(tmp_path / "twin")
    assert len(kept(cache)) == 4


@pytest.mark.usefixtures("_large")
@pytest.mark.parametrize("file", ["index.json", "lr.u8", "hr.u8"])
def test_a_damaged_copy_is_made_anew(images: Path, cache: Path, file: str) -> None:
    first = load(images)
    copies = [np.array(pair.hr) for pair in first if isinstance(pair, Pair)]
    (place,) = kept(cache)
    (cache / place / file).write_bytes(b"x")
    found = load(images)
    assert mapped(found)
    for pair, hr in zip((p for p in found if isinstance(p, Pair)), copies, strict=True):
        np.testing.assert_array_equal(pair.hr, hr)
    assert kept(cache) == [place]


@pytest.mark.usefixtures("_large")
def test_what_a_kill_left_is_cleared(images: Path, cache: Path) -> None:
    load(images)
    (place,) = kept(cache)
    part = cache / f"{place.partition('-')[0]}.part"
    shutil.move(cache / place, part)
    (part / "hr.u8").write_bytes(b"half")
    assert mapped(load(images))
    assert kept(cache) == [place]


@pytest.mark.usefixtures("_large")
def test_of_two_processes_the_second_waits(
    images: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load(images)
    (place,) = kept(cache)
    aside = cache.parent / "aside"
    shutil.move(cache / place, aside)
    no_decoding(monkeypatch)
    with (cache / f"{place.partition('-')[0]}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found: list[list[Loaded]] = []
        waiting = threading.Thread(target=lambda: found.append(load(images)))
        waiting.start()
        time.sleep(0.05)
        assert found == []
        shutil.move(aside, cache / place)
    waiting.join()
    same(found[0], first)


@pytest.mark.usefixtures("_large")
def test_without_room_a_folder_that_fits_is_held_in_memory(
    images: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=0))
    assert not mapped(load(images))
    assert kept(cache) == []


@pytest.mark.usefixtures("_large")
def test_a_cache_that_cannot_be_written_is_done_without(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert not mapped(load(images))


@pytest.mark.usefixtures("_large")
def test_without_room_a_folder_that_does_not_fit_is_refused(
    images: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=0))
    monkeypatch.setattr(store, "_memory_bytes", lambda: 2 * 36 * 45 * 3)
    with pytest.raises(DataError) as caught:
        load(images)
    assert caught.value.message == (
        f"{images} has 0.0 GB of pixels, too much for the memory, and they cannot be kept in "
        f"{cache.parent}: no room in {cache}: 0.00 GB are needed, 0.00 GB are free "
        "(free space, or name another folder)"
    )
    assert caught.value.hint == (
        "make room there, or set XDG_CACHE_HOME to a folder on a larger disk"
    )


@pytest.mark.usefixtures("_large")
def test_a_disk_that_fills_up_leaves_no_half_copy(
    images: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(loaded: object, folder: Path) -> None:
        folder.mkdir()
        (folder / "hr.u8").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "write_map", full)
    assert not mapped(load(images))
    assert kept(cache) == []


def test_few_images_are_decoded_ahead(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    honest = store._load_one
    monkeypatch.setattr(store, "_MOST_THREADS", 1)
    monkeypatch.setattr(
        store, "_load_one", lambda hr, *rest: (started.append(hr), honest(hr, *rest))[1]
    )
    coming = store._decoded(find_images(images, 3), 3)
    next(coming)
    time.sleep(0.05)
    assert len(started) <= 3
    assert len(list(coming)) == 11
    assert len(started) == 12


@pytest.mark.usefixtures("_large")
def test_a_long_decoding_says_how_far_it_is(
    images: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load(images)
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0].startswith(f"decoding 12 images of {images} once, 0.0 GB into {cache}/")
    assert lines[-1] == "decoded 12 of 12 images"
    caplog.clear()
    load(images)
    assert caplog.records == []


def test_a_dataset_is_the_same_with_and_without(
    images: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dataset() -> tuple[object, ...]:
        found = load_dataset(str(images), scale=3, lr_patch=8)
        names = [[pair.name for pair in part] for part in (found.train, found.valid)]
        return found.digest, found.skipped, names

    plain = dataset()
    monkeypatch.setattr(store, "_LARGE", 0)
    assert dataset() == plain
    assert kept(cache)
    no_decoding(monkeypatch)
    assert dataset() == plain
