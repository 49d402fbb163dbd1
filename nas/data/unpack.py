"""The images of an archive, and nothing else of it: no links, no paths out of the folder."""

import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from nas.data.catalog import EVERYTHING
from nas.data.disk import check_room, writing
from nas.data.images import SUFFIXES
from nas.errors import DataError

__all__ = ["ArchiveError", "unpack"]

_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, RuntimeError)


class ArchiveError(DataError):
    """An archive that is of no use."""


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    size_bytes: int
    open: Callable[[], IO[bytes]]


def unpack(
    file: Path,
    folder: Path,
    *,
    take: str = "",
    on_files: Callable[[int, int], None] = lambda done, total: None,
) -> list[str]:
    """Writes the images of a zip or tar archive below a folder; an image is copied.

    Args:
        file: Its suffix says what it is.
        folder: Exists.
        take: As in `nas.data.catalog.Download`.
        on_files: Told how many images are done, of how many.

    Returns:
        Their paths below the folder, at least one.

    Raises:
        ArchiveError: It is damaged, holds no such image, or a path that leads out of the folder.
        DataError: The disk is full or may not be written.
    """
    if file.suffix.lower() in SUFFIXES:
        check_room(folder, file.stat().st_size)
        with writing(folder):
            shutil.copyfile(file, folder / file.name)
        return [file.name]
    with _members(file) as members:
        chosen = {}
        for member in members:
            _check_inside(file, member.name)
            if (place := _place(member.name, take)) is not None:
                chosen[place] = member
        if not chosen:
            where = f" in {take}" if take not in ("", EVERYTHING) else ""
            raise ArchiveError(f"{file.name} holds no images{where}", "its publisher changed it")
        check_room(folder, sum(member.size_bytes for member in chosen.values()))
        for done, (place, member) in enumerate(chosen.items()):
            on_files(done, len(chosen))
            _write(file, member, folder / place)
        on_files(len(chosen), len(chosen))
    return list(chosen)


def _check_inside(file: Path, name: str) -> None:
    path = PureWindowsPath(name)  # knows both slashes, and drives
    if path.anchor or ".." in path.parts:
        raise ArchiveError(
            f"{file.name} holds the path {name!r}, which leads out of its folder",
            "nothing of it was unpacked; it is not to be trusted",
        )


def _place(name: str, take: str) -> str | None:
    """Where a member goes; None if it is not wanted."""
    path = PurePosixPath(name)
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
    if path.suffix.lower() not in SUFFIXES or hidden:
        return None
    if take == EVERYTHING:
        return path.name
    wanted = PurePosixPath(take).parts
    for start in range(len(path.parts) - len(wanted)):
        if path.parts[start : start + len(wanted)] == wanted:
            return str(PurePosixPath(*path.parts[start + len(wanted) :]))
    return None


def _write(file: Path, member: _Member, target: Path) -> None:
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as stream:
            for chunk in _chunks(file, member):
                stream.write(chunk)


def _chunks(file: Path, member: _Member) -> Iterator[bytes]:
    with _reading(file), member.open() as source:
        while chunk := source.read(1 << 20):
            yield chunk


@contextmanager
def _members(file: Path) -> Iterator[list[_Member]]:
    """What the archive holds, without folders and links."""
    with ExitStack() as stack:
        with _reading(file):
            if file.suffix.lower() == ".zip":
                members = _of_zip(stack.enter_context(zipfile.ZipFile(file)))
            else:
                members = _of_tar(stack.enter_context(tarfile.open(file)))
        yield members


def _of_zip(archive: zipfile.ZipFile) -> list[_Member]:
    return [
        _Member(info.filename, info.file_size, partial(archive.open, info))
        for info in archive.infolist()
        if not info.is_dir() and not stat.S_ISLNK(info.external_attr >> 16)
    ]


def _of_tar(archive: tarfile.TarFile) -> list[_Member]:
    def opened(info: tarfile.TarInfo) -> IO[bytes]:
        if (stream := archive.extractfile(info)) is None:
            raise EOFError(f"{info.name} is no file")
        return stream

    return [
        _Member(info.name, info.size, partial(opened, info)) for info in archive if info.isreg()
    ]


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ArchiveError(
            f"{file.name} is damaged or no archive: {reason}", "it is removed; fetch it again"
        ) from error
