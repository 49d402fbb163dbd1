"""The pixels of large folders: decoded once, then mapped from disk by every run and every worker.

A folder of less than 256 MiB of pixels is simply held in memory: it decodes in a few seconds, and a
second copy of everything small would only fill the disk. A larger one is decoded into a folder
below `cache_folder()/images`, whose name is made of the scale and of names, sizes and times of the
image files: it is another one as soon as a file changes, and the one before is removed.
"""

import fcntl
import hashlib
import json
import logging
import os
import shutil
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import PIL
from PIL import Image

from nas.data.bundled import cache_folder
from nas.data.disk import check_room
from nas.data.images import read_pair
from nas.data.layouts import Found
from nas.data.mapped import LeftOut, Loaded, open_map, write_map
from nas.errors import DataError

__all__ = ["load_pairs", "map_pairs"]

_VERSION = 1  # raise it whenever decoding, cropping or downscaling gives other pixels
_LARGE = 256 * 2**20  # bytes of pixels from which on they are mapped
_MOST_THREADS = 8

_log = logging.getLogger(__name__)


def load_pairs(found: Found, scale: int) -> list[Loaded]:
    """All images of a folder in its order, mapped if they are large; the pixels are the same.

    Raises:
        DataError: The images are too large for the memory, and the cache cannot be written.
    """
    if (mapped := open_map(_place(found, scale))) is not None:
        return mapped
    size_bytes = _decoded_bytes(found, scale)
    if size_bytes >= _LARGE:
        try:
            return map_pairs(found, scale)
        except (OSError, DataError) as error:
            if size_bytes > _memory_bytes() / 2:
                raise DataError(
                    f"{found.folder} has {size_bytes / 1e9:.1f} GB of pixels, too much for the "
                    f"memory, and they cannot be kept in {cache_folder()}: {error}",
                    "make room there, or set XDG_CACHE_HOME to a folder on a larger disk",
                ) from error
    return list(_decoded(found, scale))


def map_pairs(found: Found, scale: int) -> list[Loaded]:
    """All images of a folder in its order, mapped from the cache; they are decoded if need be.

    Raises:
        DataError: The disk has no room.
        OSError: The cache cannot be written.
    """
    place = _place(found, scale)
    family = place.name.partition("-")[0]
    part = place.with_name(f"{family}.part")
    place.parent.mkdir(parents=True, exist_ok=True)
    with _alone(place.with_name(f"{family}.lock")):
        mapped = open_map(place)  # another process may have been faster
        if mapped is None:
            for old in (*place.parent.glob(f"{family}-*"), part):  # of files that changed since
                shutil.rmtree(old, ignore_errors=True)
            size_bytes = _decoded_bytes(found, scale)
            check_room(place.parent, size_bytes)
            _log.warning(
                "decoding %d images of %s once, %.1f GB into %s",
                *(len(found.files), found.folder, size_bytes / 1e9, place),
            )
            try:
                write_map(_told(_decoded(found, scale), len(found.files)), part)
                part.rename(place)
            finally:
                shutil.rmtree(part, ignore_errors=True)
            mapped = open_map(place)
    if mapped is None:
        raise OSError(f"{place} cannot be read back")
    return mapped


def _place(found: Found, scale: int) -> Path:
    """In the cache: the first half of its name is the folder, the second the state of its files."""
    lr_folder = next((lr.parent for _, lr in found.files if lr), None)
    family = [str(found.folder.resolve()), str(lr_folder and lr_folder.resolve()), scale]
    files = [[_state(hr), lr and _state(lr)] for hr, lr in found.files]
    version = [_VERSION, PIL.__version__, found.has_lr]
    return cache_folder() / "images" / f"{_hash(family)}-{_hash([files, version])}"


def _state(file: Path) -> list[object]:
    try:
        facts = file.stat()
    except OSError:  # it is named when it is read
        return [file.name]
    return [file.name, facts.st_size, facts.st_mtime_ns]


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


def _decoded_bytes(found: Found, scale: int) -> int:
    """How large the pixels are, from the heads of the files."""
    total = 0
    for hr, _ in found.files:
        with suppress(Exception), Image.open(hr) as image:  # damage is named when it is read
            total += 3 * image.width * image.height
    return round(total * (1 + 1 / scale**2))


def _memory_bytes() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _decoded(found: Found, scale: int) -> Iterator[Loaded]:
    """In order, on all cores, and a few ahead of who asks: memory holds no more than those."""
    threads = min(_MOST_THREADS, os.cpu_count() or 1)
    with ThreadPoolExecutor(threads) as pool:
        pending: deque[Future[Loaded]] = deque()
        for hr, lr in found.files:
            pending.append(pool.submit(_load_one, hr, lr, found.has_lr, scale))
            if len(pending) > 2 * threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _load_one(hr: Path, lr: Path | None, has_lr: bool, scale: int) -> Loaded:
    try:
        if has_lr and lr is None:
            raise DataError("no LR image of that name")
        return read_pair(hr, lr, scale)
    except DataError as error:
        # The reader's message carries the whole path; the name is said once already.
        return LeftOut(hr.name, error.message.removeprefix(f"cannot read image {hr}: "))


def _told(images: Iterator[Loaded], count: int) -> Iterator[Loaded]:
    for done, image in enumerate(images, start=1):
        yield image
        if 10 * done // count > 10 * (done - 1) // count:
            _log.warning("decoded %d of %d images", done, count)


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Waits until no other process decodes the same folder."""
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
