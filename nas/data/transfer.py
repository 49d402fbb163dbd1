"""One file over HTTP: resumed where it broke off, and never taken for whole before it is."""

import hashlib
import http.client
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from nas.data.disk import check_room
from nas.data.partial import Partial
from nas.errors import DataError

__all__ = ["PATIENCE", "OnBytes", "Patience", "TransferError", "checksum_of", "download"]

OnBytes = Callable[[int, int | None], None]  # is told bytes so far, and of how many if known

_CHUNK = 1 << 18
_PASSING = {408, 429, 500, 502, 503, 504}  # answers that a later attempt may not get
_AGENT = "Mozilla/5.0 (compatible; nas)"  # some servers refuse what no browser says


class TransferError(DataError):
    """This address does not give the file; another might."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a download is tried.

    Args:
        attempts: In a row without a new byte.
        timeout_s: Without a sign of the server.
        pause_s: Before the second attempt; each further one waits twice as long.
    """

    attempts: int = 5
    timeout_s: float = 30
    pause_s: float = 1


PATIENCE = Patience()


class _BrokenError(Exception):
    """Worth another attempt."""


class _SilentError(_BrokenError):
    """Without any answer."""


def download(
    url: str,
    target: Path,
    *,
    size_bytes: int | None = None,
    checksum: str = "",
    on_bytes: OnBytes = lambda done, total: None,
    patience: Patience = PATIENCE,
) -> None:
    """Fetches a file, going on from what an earlier run left of it.

    Args:
        url: http or https.
        target: Where it goes; its folder is made.
        size_bytes: Its length, if that is known.
        checksum: "sha256:..." or "md5:...", if one is known.
        on_bytes: Told of progress.
        patience: When to give up.

    Raises:
        TransferError: The server cannot be reached, does not have the file, has another one, or
            breaks off again and again. What arrived is kept if it may be the file's beginning.
        DataError: The disk is full or may not be written.
    """
    part = Partial(url, target, is_checked=bool(checksum))
    is_resumed = part.resumes_at > 0
    _receive_all(part, size_bytes, on_bytes, patience)
    if size_bytes is not None and part.size != size_bytes:
        found = part.size
        part.drop()
        raise TransferError(f"{url} has {found:,} bytes, not {size_bytes:,}", "try again later")
    if checksum and (found_sum := checksum_of(part.file, checksum.partition(":")[0])) != checksum:
        part.drop()
        if not is_resumed:
            raise TransferError(
                f"{url} is another file than was published: {found_sum}, not {checksum}",
                "it was thrown away; try again later",
            )
        download(  # the beginning was of another version
            url, target,
            size_bytes=size_bytes, checksum=checksum, on_bytes=on_bytes, patience=patience,
        )  # fmt: skip
        return
    part.finish()


def checksum_of(file: Path, algorithm: str) -> str:
    """Such as "sha256:" and the hexadecimal sum."""
    with file.open("rb") as stream:
        total = hashlib.file_digest(stream, lambda: hashlib.new(algorithm, usedforsecurity=False))
    return f"{algorithm}:{total.hexdigest()}"


def _receive_all(
    part: Partial, size_bytes: int | None, on_bytes: OnBytes, patience: Patience
) -> None:
    """Attempts until the file is whole, or until several in a row brought nothing new."""
    most, in_vain, was_answered = part.size, 0, False
    while True:
        try:
            _receive(part, size_bytes, on_bytes, patience.timeout_s)
            return
        except _BrokenError as broken:
            if isinstance(broken, _SilentError) and not was_answered:
                host = urlsplit(part.url).hostname
                raise TransferError(
                    f"cannot reach {host}: {broken}", "check the network, then try again"
                ) from broken
            was_answered = True
            in_vain = 0 if part.size > most else in_vain + 1
            most = max(most, part.size)
            if in_vain >= patience.attempts:
                raise TransferError(
                    f"{part.url} failed {in_vain} times in a row: {broken}",
                    "try again later; it goes on from what has arrived",
                ) from broken
        time.sleep(patience.pause_s * 2 ** max(in_vain - 1, 0))


def _receive(part: Partial, size_bytes: int | None, on_bytes: OnBytes, timeout_s: float) -> None:
    """One attempt."""
    answer = _ask(part, timeout_s)
    if answer is None:
        return
    with answer:
        start, total = _range(part, answer)
        if size_bytes is not None and total not in (None, size_bytes):
            raise TransferError(
                f"{part.url} is announced with {total:,} bytes, not {size_bytes:,}",
                "try again later",
            )
        end = size_bytes if total is None else total
        check_room(part.file.parent, 0 if end is None else end - start)
        if start == 0:
            part.begin(_version(answer))
        part.append(_chunks(answer, start, end, on_bytes))
    if end is not None and part.size < end:
        raise _BrokenError(f"the connection ended after {part.size:,} of {end:,} bytes")


def _ask(part: Partial, timeout_s: float) -> http.client.HTTPResponse | None:
    """The answer with what is missing; None if nothing is."""
    headers = {"User-Agent": _AGENT, "Accept-Encoding": "identity"}
    if part.resumes_at:
        headers["Range"] = f"bytes={part.resumes_at}-"
        if part.version:
            headers["If-Range"] = part.version
    request = urllib.request.Request(part.url, headers=headers)
    try:
        answer: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=timeout_s)
    except urllib.error.HTTPError as refusal:
        refusal.close()
        said = f"the server answers {refusal.code} {refusal.reason}"
        if refusal.code == 416 and refusal.headers.get("Content-Range") == f"bytes */{part.size}":
            return None
        if refusal.code == 416:
            part.drop()
            raise _BrokenError(said) from None
        if refusal.code in _PASSING:
            raise _BrokenError(said) from None
        raise TransferError(f"{part.url}: {said}", "it may have moved") from None
    except (OSError, http.client.HTTPException) as error:
        cut_off = isinstance(_inner(error), ConnectionResetError | http.client.HTTPException)
        raise (_BrokenError if cut_off else _SilentError)(_words(error)) from error
    return answer


def _range(part: Partial, answer: http.client.HTTPResponse) -> tuple[int, int | None]:
    """Where the bytes to come begin, and how many the whole file has, if that is said."""
    length = answer.headers.get("Content-Length", "")
    if answer.status != 206:
        return 0, int(length) if length.isdecimal() else None
    said = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", ""))
    if said is None or int(said[1]) != part.size:
        part.drop()
        raise _BrokenError("the server sends another part than was asked for")
    return part.size, None if said[2] == "*" else int(said[2])


def _version(answer: http.client.HTTPResponse) -> str:
    """What `If-Range` takes; a weak tag is not allowed there."""
    tag = answer.headers.get("ETag", "")
    return tag if tag.startswith('"') else answer.headers.get("Last-Modified", "")


def _chunks(
    answer: http.client.HTTPResponse, start: int, end: int | None, on_bytes: OnBytes
) -> Iterator[bytes]:
    done = start
    on_bytes(done, end)
    while chunk := _read(answer):
        done += len(chunk)
        if end is not None and done > end:
            raise TransferError(f"the server sends more than {end:,} bytes", "try again later")
        yield chunk
        on_bytes(done, end)


def _read(answer: http.client.HTTPResponse) -> bytes:
    try:
        return answer.read(_CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenError(_words(error)) from error


def _inner(error: Exception) -> object:
    """The error itself, without what `urllib` wraps it in."""
    return error.reason if isinstance(error, urllib.error.URLError) else error


def _words(error: Exception) -> str:
    inner = _inner(error)
    if isinstance(inner, TimeoutError):
        return "no sign of the server"
    return getattr(inner, "strerror", None) or str(inner) or type(inner).__name__
