"""Entries come back whole or not at all, and the cache never stands in the way."""

import errno
import os
import pickle
import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.search import evaluation_cache
from nas.search.evaluation_cache import EvaluationCache, key_of

KEY = key_of("a network")
PARTS = {"told": b'{"reading": 3}', "state": b"", "weights": bytes(range(200))}


@pytest.fixture
def cache(tmp_path: Path) -> EvaluationCache:
    return EvaluationCache(tmp_path / "cache")


def file_of(cache: EvaluationCache) -> Path:
    (file,) = cache.folder.glob("*/*")
    return file


@given(parts=st.dictionaries(st.text("abc", min_size=1), st.binary(), min_size=1))
def test_parts_come_back_as_they_were_kept(
    tmp_path_factory: pytest.TempPathFactory, parts: dict[str, bytes]
) -> None:
    folder = tmp_path_factory.getbasetemp() / "any"
    EvaluationCache(folder).keep(KEY, parts)
    assert EvaluationCache(folder).find(KEY) == parts


def test_what_was_not_kept_is_not_found(cache: EvaluationCache) -> None:
    assert cache.find(KEY) is None
    cache.keep(KEY, PARTS)
    assert cache.find(key_of("another network")) is None


@given(st.lists(st.text()), st.lists(st.text()))
def test_other_parts_have_another_key(one: list[str], two: list[str]) -> None:
    assert (key_of(*one) == key_of(*two)) == (one == two)


def test_a_file_cut_anywhere_is_no_entry(cache: EvaluationCache) -> None:
    cache.keep(KEY, PARTS)
    whole = file_of(cache).read_bytes()
    for length in range(len(whole)):
        file_of(cache).write_bytes(whole[:length])
        assert cache.find(KEY) is None, length


def test_a_file_with_any_byte_changed_is_no_entry(cache: EvaluationCache) -> None:
    cache.keep(KEY, PARTS)
    whole = file_of(cache).read_bytes()
    rng = random.Random(0)
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= rng.randrange(1, 256)
        file_of(cache).write_bytes(damaged)
        assert cache.find(KEY) is None, place
    cache.keep(KEY, PARTS)
    assert cache.find(KEY) == PARTS, "damage is mended"


def test_an_entry_of_another_key_is_none(cache: EvaluationCache) -> None:
    cache.keep(KEY, PARTS)
    other = key_of("another network")
    (cache.folder / other[:2]).mkdir()
    shutil.copy(file_of(cache), cache.folder / other[:2] / f"{other}.entry")
    assert cache.find(other) is None


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (1,)


def test_a_pickle_is_never_loaded(cache: EvaluationCache) -> None:
    cache.keep(KEY, PARTS)
    payload = pickle.dumps(Bomb())
    file_of(cache).write_bytes(evaluation_cache._digest(KEY, payload) + payload)
    assert cache.find(KEY) is None


def test_a_cache_that_cannot_be_made_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = EvaluationCache(tmp_path / "file" / "cache")
    cache.keep(KEY, PARTS)
    assert cache.find(KEY) is None
    assert (cache.size_bytes(), cache.clear()) == (0, 0)


def test_a_disk_that_fills_up_leaves_nothing_behind(
    cache: EvaluationCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(part: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    cache.keep(KEY, PARTS)
    assert list(cache.folder.glob("*/*")) == []


def test_the_last_gigabyte_of_a_disk_is_left_to_runs(
    cache: EvaluationCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(cache.folder.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=2**30))
    cache.keep(KEY, PARTS)
    assert cache.find(KEY) is None


def test_what_was_not_asked_for_the_longest_goes_first(tmp_path: Path) -> None:
    keys = [key_of(str(number)) for number in range(10)]
    cache = EvaluationCache(tmp_path, most_bytes=10**9)
    for age, key in enumerate(reversed(keys)):
        cache.keep(key, PARTS)
        os.utime(next(tmp_path.glob(f"*/{key}*")), (1e9 - age, 1e9 - age))
    size = cache.size_bytes() // 10
    assert cache.find(keys[0]) == PARTS  # was the oldest, until now
    EvaluationCache(tmp_path, most_bytes=5 * size).keep(key_of("new"), PARTS)
    kept = [key for key in keys if (tmp_path / key[:2] / f"{key}.entry").is_file()]
    assert kept == [keys[0], *keys[7:]]  # 4 of 10, so that they are at most 0.9 of 5


def test_a_process_looks_at_the_size_after_what_it_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation_cache, "_LOOK_EVERY_BYTES", 1000)
    cache = EvaluationCache(tmp_path, most_bytes=2000)
    for number in range(100):
        cache.keep(key_of(str(number)), PARTS)
    assert cache.size_bytes() <= 2000 + 1000 + len(PARTS["weights"]) * 3


def test_many_may_write_one_entry_at_once(cache: EvaluationCache) -> None:
    contents = [{"state": bytes([number]) * 100_000} for number in range(8)]

    def work(number: int) -> bool:
        mine = EvaluationCache(cache.folder)
        for _ in range(20):
            mine.keep(KEY, contents[number])
            if mine.find(KEY) not in contents:
                return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))
    assert [file.suffix for file in cache.folder.glob("*/*")] == [".entry"]


def test_clearing_tells_the_bytes(cache: EvaluationCache) -> None:
    cache.keep(KEY, PARTS)
    size = file_of(cache).stat().st_size
    assert cache.size_bytes() == size
    assert cache.clear() == size
    assert (cache.size_bytes(), cache.find(KEY)) == (0, None)
