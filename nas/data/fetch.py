"""Fetching a published image set into its official layout.

Below the data folder, `.fetch` holds what is under way and a record of each file that was received:
its checksum, and the images it became. A set is complete while these images are there.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from nas.data.catalog import Download, ImageSet, Source
from nas.data.disk import check_room, writing
from nas.data.transfer import PATIENCE, Patience, TransferError, checksum_of, download
from nas.data.unpack import ArchiveError, unpack
from nas.errors import DataError

__all__ = ["Watcher", "fetch_set", "is_complete"]

_OWN = ".fetch"


class Watcher(Protocol):
    """Is told how a fetch goes."""

    def note(self, text: str) -> None:
        """A line for a person."""

    def progress(self, name: str, unit: str, done: int, total: int | None) -> None:
        """How much of a file is done; `unit` is "bytes" or "images"."""


@dataclass(frozen=True, slots=True)
class _Record:
    """What a download was, and the sizes of its images by their paths below the data folder."""

    url: str
    sha256: str
    images: dict[str, int]

    def is_intact(self, root: Path) -> bool:
        sizes = {path: root / path for path in self.images}
        return all(
            file.is_file() and file.stat().st_size == self.images[path]
            for path, file in sizes.items()
        )


def is_complete(known: ImageSet, root: Path) -> bool:
    """Whether an earlier fetch put the whole set below `root`, and all of it is still there."""
    return any(
        all(_is_here(wanted, root) for wanted in source.downloads) for source in known.sources
    )


def fetch_set(known: ImageSet, root: Path, watch: Watcher, patience: Patience = PATIENCE) -> Path:
    """Puts a set below the data folder, going on from what an earlier run left.

    Args:
        known: From the catalogue.
        root: The data folder; it is made.
        watch: Shown licence and origin before the first request.
        patience: With servers.

    Returns:
        The folder to give to `--data`.

    Raises:
        DataError: The set must be asked for; no source gives it; an archive is damaged or not what
            was received before; the disk refuses; or another process fetches into `root`.
    """
    folder = root / known.folder
    if not known.sources:
        raise DataError(
            f"{known.title} is given out on request only",
            f"ask at {known.homepage}, then put its images into {folder}",
        )
    if is_complete(known, root):
        watch.note(f"{known.title} is complete in {folder}")
        return folder
    watch.note(
        f"{known.title}: {known.num_images} images\n"
        f"  licence   {known.licence}\n"
        f"  described {known.homepage}\n"
        f"  cite      {known.citation}"
    )
    with _held(root):
        _from_any(known, root, watch, patience)
    watch.note(f"{known.title} is complete in {folder}")
    return folder


def _from_any(known: ImageSet, root: Path, watch: Watcher, patience: Patience) -> None:
    failures: list[DataError] = []
    for source in known.sources:
        if failures:
            watch.note(f"{failures[-1].message}; trying a mirror")
        size = f", {source.size_bytes / 1e6:,.1f} MB" if source.size_bytes else ""
        watch.note(f"  {'mirror' if source.is_mirror else 'from  '}    {source.origin}{size}")
        try:
            _from(source, root, watch, patience)
            return
        except (TransferError, ArchiveError) as failure:
            failures.append(failure)
    raise DataError("; ".join(failure.message for failure in failures), failures[0].hint)


def _from(source: Source, root: Path, watch: Watcher, patience: Patience) -> None:
    missing = [wanted for wanted in source.downloads if not _is_here(wanted, root)]
    sizes = [wanted.size_bytes or 0 for wanted in missing]
    check_room(root, sum(sizes) + max(sizes))  # the images, and one archive at a time
    for wanted in missing:
        _receive(wanted, root, watch, patience)


def _receive(wanted: Download, root: Path, watch: Watcher, patience: Patience) -> None:
    archive = root / _OWN / wanted.name
    if not archive.is_file():
        download(
            wanted.url,
            archive,
            size_bytes=wanted.size_bytes,
            checksum=wanted.checksum,
            on_bytes=lambda done, total: watch.progress(wanted.name, "bytes", done, total),
            patience=patience,
        )
    sha256 = checksum_of(archive, "sha256").partition(":")[2]
    _check_against_record(wanted, archive, sha256, root)
    try:
        images = _unpack(wanted, archive, root, watch)
    except ArchiveError:
        archive.unlink()
        raise
    record = _Record(wanted.url, sha256, images)
    file = _record_file(wanted, root)
    with writing(file):
        part = file.with_name(f"{file.name}.part")
        part.write_text(json.dumps(asdict(record)), encoding="utf-8")
        part.replace(file)
        archive.unlink()


def _check_against_record(wanted: Download, archive: Path, sha256: str, root: Path) -> None:
    """What no checksum is known of must at least be what it was the last time."""
    known = _read_record(wanted, root)
    if known and not wanted.checksum and known.sha256 != sha256:
        archive.unlink()
        raise DataError(
            f"{wanted.url} is another file than was received before: sha256 {sha256}, not "
            f"{known.sha256}",
            f"if that is well, remove {_record_file(wanted, root)} and fetch again",
        )


def _unpack(wanted: Download, archive: Path, root: Path, watch: Watcher) -> dict[str, int]:
    """First into a folder of its own, so that no half of an archive is among the images."""
    staging = root / _OWN / "unpacking"
    shutil.rmtree(staging, ignore_errors=True)
    with writing(staging):
        staging.mkdir()
    images = {}
    try:
        places = unpack(
            archive,
            staging,
            take=wanted.take,
            on_files=lambda done, total: watch.progress(wanted.name, "images", done, total),
        )
        for place in places:
            target = root / wanted.into / place
            with writing(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                (staging / place).replace(target)
            images[str(target.relative_to(root))] = target.stat().st_size
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return images


def _record_file(wanted: Download, root: Path) -> Path:
    return root / _OWN / f"{wanted.name}.json"


def _read_record(wanted: Download, root: Path) -> _Record | None:
    try:
        found: Any = json.loads(_record_file(wanted, root).read_text(encoding="utf-8"))
        return _Record(found["url"], found["sha256"], dict(found["images"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _is_here(wanted: Download, root: Path) -> bool:
    record = _read_record(wanted, root)
    return record is not None and record.is_intact(root)


@contextmanager
def _held(root: Path) -> Iterator[None]:
    """Holds the data folder for this process; a folder that stays empty is taken away again."""
    own = root / _OWN
    with writing(own):
        own.mkdir(parents=True, exist_ok=True)
    handle = os.open(own, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(f"another process fetches into {root}", "wait for it") from None
        yield
    finally:
        os.close(handle)
        with suppress(OSError):
            own.rmdir()
            root.rmdir()
