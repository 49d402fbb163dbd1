"""A set arrives in its layout, once, whole, and on terms that were shown before."""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from nas.data.catalog import Download, ImageSet, Source
from nas.data.fetch import fetch_set, is_complete
from nas.data.transfer import Patience
from nas.errors import DataError
from tests.data.servers import Server, file, serving, status
from tests.data.test_unpack import zipped

QUICK = Patience(attempts=2, timeout_s=5, pause_s=0)
TRAIN = {"S_train_HR/1.png": b"one", "S_train_HR/2.png": b"two", "S_train_HR/notes.txt": b"no"}
VALID = {"S_valid_HR/3.png": b"three"}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    with serving() as running:
        yield running


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


class Told:
    """A watcher that keeps what it was told, and how many requests there were by then."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.notes: list[tuple[int, str]] = []
        self.last: dict[tuple[str, str], tuple[int, int | None]] = {}

    def note(self, text: str) -> None:
        self.notes.append((len(self.server.requests), text))

    def progress(self, name: str, unit: str, done: int, total: int | None) -> None:
        self.last[name, unit] = (done, total)

    @property
    def text(self) -> str:
        return "\n".join(text for _, text in self.notes)


@pytest.fixture
def told(server: Server) -> Told:
    return Told(server)


def archive(tmp_path: Path, name: str, content: dict[str, bytes]) -> bytes:
    return zipped(tmp_path / name, content).read_bytes()


def a_set(*sources: Source) -> ImageSet:
    return ImageSet(
        "s", "S", 3, "to test", "S", "nobody may", "Nobody 2001", "http://s.example", sources
    )


@pytest.fixture
def known(server: Server, tmp_path: Path) -> ImageSet:
    """Two archives, the first with a checksum."""
    train, valid = archive(tmp_path, "t.zip", TRAIN), archive(tmp_path, "v.zip", VALID)
    checksum = f"sha256:{hashlib.sha256(train).hexdigest()}"
    return a_set(
        Source(
            "the publisher",
            (
                Download(
                    server.serve("/t.zip", file(train)), "S",
                    size_bytes=len(train), checksum=checksum, checksum_from="them",
                ),
                Download(server.serve("/v.zip", file(valid)), "S"),
            ),
        )
    )  # fmt: skip


def images(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".fetch" not in path.parts
    }


def own(root: Path) -> list[str]:
    return sorted(path.name for path in (root / ".fetch").iterdir())


def test_a_set_arrives_in_its_layout(known: ImageSet, root: Path, told: Told) -> None:
    assert not is_complete(known, root)
    assert fetch_set(known, root, told, QUICK) == root / "S"
    assert images(root) == {
        "S/S_train_HR/1.png": b"one",
        "S/S_train_HR/2.png": b"two",
        "S/S_valid_HR/3.png": b"three",
    }
    assert is_complete(known, root)
    assert own(root) == ["t.zip.json", "v.zip.json"]  # no archive, no part, no lock
    assert told.last["t.zip", "images"] == (2, 2)
    assert told.last["v.zip", "bytes"][0] == told.last["v.zip", "bytes"][1]


def test_terms_and_origin_are_shown_before_the_first_request(
    known: ImageSet, root: Path, told: Told
) -> None:
    fetch_set(known, root, told, QUICK)
    before = "\n".join(text for requests, text in told.notes if requests == 0)
    for fact in ("S: 3 images", "nobody may", "http://s.example", "Nobody 2001", "the publisher"):
        assert fact in before


def test_the_second_time_nothing_is_requested(
    known: ImageSet, root: Path, told: Told, server: Server
) -> None:
    fetch_set(known, root, told, QUICK)
    server.requests.clear()
    told.notes.clear()
    fetch_set(known, root, told, QUICK)
    assert server.requests == []
    assert told.text == f"S is complete in {root / 'S'}"


@pytest.mark.parametrize("harm", ["removed", "shortened"])
def test_what_was_lost_is_fetched_again(
    known: ImageSet, root: Path, told: Told, server: Server, harm: str
) -> None:
    fetch_set(known, root, told, QUICK)
    lost = root / "S/S_train_HR/2.png"
    if harm == "removed":
        lost.unlink()
    else:
        lost.write_bytes(b"t")
    assert not is_complete(known, root)
    server.requests.clear()
    fetch_set(known, root, told, QUICK)
    assert [path for path, _ in server.requests] == ["/t.zip"]
    assert lost.read_bytes() == b"two"


def test_a_file_without_a_checksum_must_be_what_it_was(
    known: ImageSet, root: Path, told: Told, server: Server, tmp_path: Path
) -> None:
    fetch_set(known, root, told, QUICK)
    (root / "S/S_valid_HR/3.png").unlink()
    other = archive(tmp_path, "o.zip", {"S_valid_HR/3.png": b"THREE"})
    server.serve("/v.zip", file(other))
    record = root / ".fetch/v.zip.json"
    before = json.loads(record.read_text())["sha256"]
    with pytest.raises(DataError) as caught:
        fetch_set(known, root, told, QUICK)
    assert caught.value.message == (
        f"{server.url}/v.zip is another file than was received before: "
        f"sha256 {hashlib.sha256(other).hexdigest()}, not {before}"
    )
    assert caught.value.hint == f"if that is well, remove {record} and fetch again"
    record.unlink()
    fetch_set(known, root, told, QUICK)
    assert (root / "S/S_valid_HR/3.png").read_bytes() == b"THREE"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"url": 1, "sha256": 2, "images": 3}'])
def test_a_damaged_record_is_none(known: ImageSet, root: Path, told: Told, text: str) -> None:
    fetch_set(known, root, told, QUICK)
    (root / ".fetch/v.zip.json").write_text(text)
    assert not is_complete(known, root)
    fetch_set(known, root, told, QUICK)
    assert is_complete(known, root)


def test_an_archive_that_was_not_unpacked_is_not_fetched_twice(
    known: ImageSet, root: Path, told: Told, server: Server, tmp_path: Path
) -> None:
    """As a kill between the two leaves it."""
    (root / ".fetch/unpacking/S_train_HR").mkdir(parents=True)
    (root / ".fetch/unpacking/S_train_HR/1.png").write_bytes(b"half")
    shutil.copy(tmp_path / "t.zip", root / ".fetch/t.zip")
    fetch_set(known, root, told, QUICK)
    assert [path for path, _ in server.requests] == ["/v.zip"]
    assert images(root)["S/S_train_HR/1.png"] == b"one"


def test_a_broken_download_leaves_what_a_later_run_needs(
    known: ImageSet, root: Path, told: Told, server: Server, tmp_path: Path
) -> None:
    body = (tmp_path / "v.zip").read_bytes()
    server.serve("/v.zip", file(body, cut_at=20), status(500))
    with pytest.raises(DataError, match="failed 2 times in a row"):
        fetch_set(known, root, told, QUICK)
    assert images(root).keys() == {"S/S_train_HR/1.png", "S/S_train_HR/2.png"}
    server.requests.clear()
    server.serve("/v.zip", file(body))
    fetch_set(known, root, told, QUICK)
    assert [(path, headers["Range"]) for path, headers in server.requests] == [
        ("/v.zip", "bytes=20-")
    ]


def test_an_evil_archive_leaves_nothing(
    root: Path, told: Told, server: Server, tmp_path: Path
) -> None:
    body = archive(tmp_path, "e.zip", {"good.png": b"x", "../../evil.png": b"y"})
    known = a_set(Source("them", (Download(server.serve("/e.zip", file(body)), "S"),)))
    with pytest.raises(DataError, match=r"e\.zip holds the path '\.\./\.\./evil\.png'"):
        fetch_set(known, root, told, QUICK)
    assert not root.exists()
    assert not list(tmp_path.rglob("evil*"))


def test_a_damaged_archive_is_removed(root: Path, told: Told, server: Server) -> None:
    page = b"<html>please sign in</html>"
    known = a_set(Source("them", (Download(server.serve("/p.zip", file(page)), "S"),)))
    with pytest.raises(DataError, match=r"p\.zip is damaged or no archive"):
        fetch_set(known, root, told, QUICK)
    assert not root.exists()


def with_mirror(known: ImageSet, body: bytes, server: Server) -> ImageSet:
    mirror = Download(server.serve("/mirror.zip", file(body)), "S")
    return replace(known, sources=(*known.sources, Source("a friend", (mirror,), is_mirror=True)))


def test_a_mirror_is_tried_when_the_publisher_fails_and_said_to_be_one(
    known: ImageSet, root: Path, told: Told, server: Server, tmp_path: Path
) -> None:
    known = with_mirror(known, archive(tmp_path, "m.zip", {**TRAIN, **VALID}), server)
    server.serve("/t.zip", status(404))
    fetch_set(known, root, told, QUICK)
    assert len(images(root)) == 3
    assert is_complete(known, root)
    assert f"{server.url}/t.zip: the server answers 404 Not Found; trying a mirror" in told.text
    before = [text for requests, text in told.notes if requests <= 1]
    assert "  mirror    a friend" in before


def test_a_mirror_is_left_alone_while_the_publisher_answers(
    known: ImageSet, root: Path, told: Told, server: Server
) -> None:
    fetch_set(with_mirror(known, b"", server), root, told, QUICK)
    assert {path for path, _ in server.requests} == {"/t.zip", "/v.zip"}


def test_when_all_fail_all_is_said(known: ImageSet, root: Path, told: Told, server: Server) -> None:
    known = with_mirror(known, b"", server)
    server.serve("/t.zip", status(404))
    server.serve("/mirror.zip", status(410))
    with pytest.raises(DataError) as caught:
        fetch_set(known, root, told, QUICK)
    assert str(caught.value) == (
        f"{server.url}/t.zip: the server answers 404 Not Found; "
        f"{server.url}/mirror.zip: the server answers 410 Gone (it may have moved)"
    )
    assert not root.exists()


def test_a_set_that_is_given_on_request_says_where(root: Path, told: Told) -> None:
    with pytest.raises(DataError) as caught:
        fetch_set(a_set(), root, told, QUICK)
    assert str(caught.value) == (
        "S is given out on request only "
        f"(ask at http://s.example, then put its images into {root / 'S'})"
    )
    assert not is_complete(a_set(), root)
    assert not root.exists()


def test_a_disk_without_room_is_said_before_the_first_request(
    known: ImageSet, root: Path, told: Told, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10))
    with pytest.raises(DataError, match=f"no room in {root}: "):
        fetch_set(known, root, told, QUICK)
    assert server.requests == []
    assert not root.exists()


def test_two_fetches_into_one_folder_do_not_mix(known: ImageSet, root: Path, told: Told) -> None:
    (root / ".fetch").mkdir(parents=True)
    handle = os.open(root / ".fetch", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_SH)
    try:
        with pytest.raises(DataError) as caught:
            fetch_set(known, root, told, QUICK)
    finally:
        os.close(handle)
    assert str(caught.value) == f"another process fetches into {root} (wait for it)"


def test_a_folder_that_may_not_be_written_is_said(
    known: ImageSet, tmp_path: Path, told: Told
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=f"cannot write {tmp_path}/file/"):
        fetch_set(known, tmp_path / "file", told, QUICK)
