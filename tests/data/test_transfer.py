"""Downloads from servers that break off, lie, change their mind or are not there."""

import hashlib
import resource
import shutil
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace

import pytest

from nas.data.transfer import Patience, TransferError, checksum_of, download
from nas.errors import DataError
from tests.data.servers import Server, chunked, file, hang_up, serving, status

BODY = bytes(range(256)) * 4000  # 1 MB, more than one chunk
OTHER = BODY[::-1]
SHA256 = f"sha256:{hashlib.sha256(BODY).hexdigest()}"
QUICK = Patience(attempts=3, timeout_s=5, pause_s=0)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    with serving() as running:
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "a.bin"


def get(url: str, target: Path, **more: object) -> None:
    download(url, target, patience=QUICK, **more)  # type: ignore[arg-type]


def refused(url: str, target: Path, **more: object) -> DataError:
    with pytest.raises(TransferError) as caught:
        get(url, target, **more)
    assert not target.exists()
    return caught.value


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_arrives_whole_and_alone(server: Server, target: Path) -> None:
    told: list[tuple[int, int | None]] = []
    url = server.serve("/a", file(BODY))
    get(url, target, size_bytes=len(BODY), checksum=SHA256, on_bytes=lambda *at: told.append(at))
    assert target.read_bytes() == BODY
    assert names(target.parent) == ["a.bin"]
    assert told[0] == (0, len(BODY))
    assert told[-1] == (len(BODY), len(BODY))
    assert told == sorted(told)


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_checksums_of_both_kinds_are_held_against_the_file(
    server: Server, target: Path, algorithm: str
) -> None:
    url = server.serve("/a", file(BODY))
    good = f"{algorithm}:{hashlib.new(algorithm, BODY).hexdigest()}"
    get(url, target, checksum=good)
    assert checksum_of(target, algorithm) == good
    target.unlink()
    bad = f"{algorithm}:{hashlib.new(algorithm, OTHER).hexdigest()}"
    error = refused(url, target, checksum=bad)
    assert error.message == f"{url} is another file than was published: {good}, not {bad}"
    assert names(target.parent) == []  # it is of no use for a later run


def test_a_broken_connection_goes_on_where_it_broke(server: Server, target: Path) -> None:
    url = server.serve("/a", file(BODY, cut_at=300_000), file(BODY, cut_at=700_000), file(BODY))
    get(url, target, checksum=SHA256)
    assert server.ranges() == [None, "bytes=300000-", "bytes=700000-"]
    assert [headers.get("If-Range") for _, headers in server.requests] == [None, '"1"', '"1"']


def test_progress_gives_new_patience(server: Server, target: Path) -> None:
    cuts = [file(BODY, cut_at=at) for at in range(100_000, 1_000_000, 100_000)]
    get(server.serve("/a", *cuts, file(BODY)), target, checksum=SHA256)
    assert len(server.requests) == 10 > QUICK.attempts


def test_a_later_run_goes_on(server: Server, target: Path) -> None:
    url = server.serve("/a", file(BODY, cut_at=300_000), status(503))
    error = refused(url, target)
    assert error.message == (
        f"{url} failed 3 times in a row: the server answers 503 Service Unavailable"
    )
    assert error.hint == "try again later; it goes on from what has arrived"
    assert names(target.parent) == ["a.bin.part", "a.bin.part.json"]
    server.requests.clear()
    get(server.serve("/a", file(BODY)), target, checksum=SHA256)
    assert server.ranges() == ["bytes=300000-"]


def test_ctrl_c_keeps_what_arrived(server: Server, target: Path) -> None:
    def stop(done: int, total: int | None) -> None:
        if done > 300_000:
            raise KeyboardInterrupt

    url = server.serve("/a", file(BODY))
    with pytest.raises(KeyboardInterrupt):
        get(url, target, on_bytes=stop)
    arrived = target.with_name("a.bin.part").stat().st_size
    assert 300_000 < arrived < len(BODY)
    get(url, target, checksum=SHA256)
    assert server.ranges() == [None, f"bytes={arrived}-"]


def test_a_server_without_ranges_starts_over(server: Server, target: Path) -> None:
    first = file(BODY, ranges=False, cut_at=300_000)
    get(server.serve("/a", first, file(BODY, ranges=False)), target, checksum=SHA256)
    assert server.ranges() == [None, "bytes=300000-"]
    assert target.read_bytes() == BODY


def test_a_server_without_ranges_that_always_breaks_is_given_up(
    server: Server, target: Path
) -> None:
    url = server.serve("/a", file(BODY, ranges=False, cut_at=300_000))
    error = refused(url, target)
    assert error.message == (
        f"{url} failed 3 times in a row: the connection ended after 300,000 of 1,024,000 bytes"
    )
    assert len(server.requests) == 4  # the first brought something


def test_another_version_is_not_glued_to_the_first(server: Server, target: Path) -> None:
    url = server.serve("/a", file(OTHER, tag='"old"', cut_at=300_000), file(BODY, tag='"new"'))
    get(url, target)
    assert target.read_bytes() == BODY


def test_a_beginning_without_a_version_is_dropped(server: Server, target: Path) -> None:
    url = server.serve("/a", file(OTHER, tag=None, cut_at=300_000), status(404))
    refused(url, target)
    server.requests.clear()
    get(server.serve("/a", file(BODY, tag=None)), target)
    assert server.ranges() == [None]
    assert target.read_bytes() == BODY


def test_a_beginning_that_the_checksum_refutes_is_fetched_anew(
    server: Server, target: Path
) -> None:
    url = server.serve("/a", file(OTHER, tag=None, cut_at=300_000), status(404))
    refused(url, target, checksum=SHA256)
    server.requests.clear()
    get(server.serve("/a", file(BODY, tag=None)), target, checksum=SHA256)
    assert server.ranges() == ["bytes=300000-", None]
    assert target.read_bytes() == BODY


def test_a_beginning_of_another_address_is_dropped(server: Server, target: Path) -> None:
    refused(server.serve("/a", file(OTHER, cut_at=300_000), status(404)), target)
    get(server.serve("/b", file(BODY)), target)
    assert target.read_bytes() == BODY


def test_a_damaged_note_is_a_new_start(server: Server, target: Path) -> None:
    url = server.serve("/a", file(BODY, cut_at=300_000), status(404))
    refused(url, target)
    target.with_name("a.bin.part.json").write_text("[")
    server.requests.clear()
    get(server.serve("/a", file(BODY)), target)
    assert server.ranges() == [None]


def test_all_but_the_name_had_arrived(server: Server, target: Path) -> None:
    url = server.serve("/a", file(BODY, length=len(BODY) + 5), status(404))
    refused(url, target)  # all of it is there, but more was announced
    get(server.serve("/a", file(BODY)), target, checksum=SHA256)
    assert target.read_bytes() == BODY


def test_a_part_longer_than_the_file_is_a_new_start(server: Server, target: Path) -> None:
    refused(server.serve("/a", file(BODY, cut_at=300_000), status(404)), target)
    get(server.serve("/a", file(BODY[:200_000])), target)
    assert target.read_bytes() == BODY[:200_000]


def test_a_length_above_the_truth_is_no_whole_file(server: Server, target: Path) -> None:
    url = server.serve("/a", file(BODY, ranges=False, length=len(BODY) + 5))
    assert "ended after 1,024,000 of 1,024,005 bytes" in refused(url, target).message


def test_a_length_below_the_truth_is_refused_where_the_length_is_known(
    server: Server, target: Path
) -> None:
    url = server.serve("/a", file(BODY, length=500_000))
    error = refused(url, target, size_bytes=len(BODY))
    assert error.message == f"{url} is announced with 500,000 bytes, not 1,024,000"
    assert "another file than was published" in refused(url, target, checksum=SHA256).message


def test_wrong_bytes_of_the_right_length_are_refused(server: Server, target: Path) -> None:
    url = server.serve("/a", file(OTHER))
    error = refused(url, target, size_bytes=len(BODY), checksum=SHA256)
    assert error.hint == "it was thrown away; try again later"


@pytest.mark.parametrize(
    ("parts", "size_bytes", "message"),
    [
        ((BODY, b"more"), len(BODY), "the server sends more than 1,024,000 bytes"),
        ((BODY[:-4],), len(BODY), "ended after 1,023,996 of 1,024,000 bytes"),
    ],
)
def test_a_length_that_is_not_said_is_counted(
    server: Server, target: Path, parts: tuple[bytes, ...], size_bytes: int, message: str
) -> None:
    error = refused(server.serve("/a", chunked(*parts)), target, size_bytes=size_bytes)
    assert message in error.message
    get(server.serve("/b", chunked(*parts)), target)  # nothing says that it is wrong
    assert target.read_bytes() == b"".join(parts)


def test_chunks_that_break_off_are_no_whole_file(server: Server, target: Path) -> None:
    get(server.serve("/a", chunked(BODY[:9], ends=False), chunked(BODY)), target)
    assert target.read_bytes() == BODY
    assert len(server.requests) == 2


def test_a_part_that_was_not_asked_for_is_not_appended(server: Server, target: Path) -> None:
    def wrong_part(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes 7-9/{len(BODY)}")
        handler.send_header("Content-Length", "3")
        handler.end_headers()
        handler.wfile.write(BODY[7:10])

    url = server.serve("/a", file(BODY, cut_at=300_000), wrong_part, file(BODY))
    get(url, target)
    assert server.ranges() == [None, "bytes=300000-", None]
    assert target.read_bytes() == BODY


def test_a_weak_tag_names_no_version(server: Server, target: Path) -> None:
    url = server.serve("/a", file(BODY, tag='W/"1"', cut_at=300_000), file(BODY))
    get(url, target)
    assert server.ranges() == [None, None]
    assert target.read_bytes() == BODY


def test_a_date_names_a_version(server: Server, target: Path) -> None:
    date = "Wed, 21 Oct 2015 07:28:00 GMT"
    url = server.serve("/a", file(BODY, tag=None, date=date, cut_at=300_000), file(BODY, tag=date))
    get(url, target)
    assert server.requests[1][1]["If-Range"] == date
    assert server.ranges() == [None, "bytes=300000-"]


@pytest.mark.parametrize("code", [404, 403, 410])
def test_a_file_that_is_not_there_is_not_tried_twice(
    server: Server, target: Path, code: int
) -> None:
    error = refused(server.serve("/a", status(code)), target)
    assert f"/a: the server answers {code} " in error.message
    assert len(server.requests) == 1


@pytest.mark.parametrize("first", [status(500), status(503), status(429), hang_up])
def test_a_server_in_trouble_is_tried_again(server: Server, target: Path, first: object) -> None:
    get(server.serve("/a", first, file(BODY)), target)  # type: ignore[arg-type]
    assert target.read_bytes() == BODY


def test_pauses_double(server: Server, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    with pytest.raises(TransferError):
        download(server.serve("/a", status(500)), target, patience=Patience(4, 5, pause_s=0.5))
    assert pauses == [0.5, 1, 2]


def test_no_server_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/a"
    monkeypatch.setattr("time.sleep", None)  # waiting would raise
    error = refused(url, tmp_path / "a")
    assert str(error) == (
        "cannot reach 127.0.0.1: Connection refused (check the network, then try again)"
    )
    assert names(tmp_path) == []


def test_no_network_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: object, **more: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", unknown)
    monkeypatch.setenv("no_proxy", "*")
    error = refused("https://example.invalid/a", tmp_path / "a")
    assert error.message == "cannot reach example.invalid: Name or service not known"


def test_a_silent_server_is_given_up(server: Server, target: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/a"
        with pytest.raises(TransferError) as caught:
            download(url, target, patience=Patience(2, timeout_s=0.2, pause_s=0))
    assert caught.value.message == "cannot reach 127.0.0.1: no sign of the server"


def test_a_server_that_goes_away_is_tried_again(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same refusal that ends a first attempt is a passing one later."""
    url = server.serve("/a", file(BODY, cut_at=300_000), file(BODY))
    honest = socket.getaddrinfo
    calls = []

    def sometimes(*args: object, **more: object) -> object:
        calls.append(args)
        if len(calls) == 2:
            raise ConnectionRefusedError(111, "Connection refused")
        return honest(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("socket.getaddrinfo", sometimes)
    get(url, target, checksum=SHA256)
    assert len(calls) == 3


def test_a_full_disk_is_said_before_it_is_full(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(DataError) as caught:
        get(server.serve("/a", file(BODY)), target)
    assert caught.value.message == (
        f"no room in {target.parent}: 0.00 GB are needed, 0.00 GB are free"
    )
    assert caught.value.hint == "free space, or name another folder"


def test_a_write_that_fails_midway_keeps_what_arrived(server: Server, target: Path) -> None:
    url = server.serve("/a", file(BODY))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))
    try:
        with pytest.raises(DataError) as caught:
            get(url, target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.message == f"cannot write {target}.part: File too large"
    get(url, target, checksum=SHA256)
    assert server.ranges() == [None, "bytes=500000-"]


def test_a_folder_that_may_not_be_written_is_said(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError) as caught:
        get(server.serve("/a", file(BODY)), tmp_path / "file" / "a")
    assert caught.value.message.startswith(f"cannot write {tmp_path / 'file'}: ")
