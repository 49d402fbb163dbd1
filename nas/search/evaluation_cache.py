"""What any run trained before, in the cache of the user, so that nothing is trained twice.

An entry is one file: the SHA-256 of its key and content, then the content, named parts of bytes in
safetensors format. A file that is not exactly what was written is no entry.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from nas.data.bundled import cache_folder

__all__ = ["MOST_BYTES", "EvaluationCache", "key_of"]

# The state of a training is most of a rung: of XCAT (16 thousand weights) 1.4 MB. A search took
# 11 MB a network, so this is room for about 500. What was not asked for the longest goes first.
MOST_BYTES = 5 * 2**30
_KEPT = 0.9  # of it, when room is made: not for every entry anew
_LOOK_EVERY_BYTES = 64 * 2**20  # that a process writes between two looks at the whole folder
_LEFT_FREE_BYTES = 2**30  # on the disk: a run needs it more than its successors
_DIGEST_BYTES = hashlib.sha256().digest_size


def key_of(*parts: str | bytes) -> str:
    """The key of what `parts` decide; other parts, or parts divided otherwise, have another."""
    total = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        total.update(b"%d:" % len(content) + content)
    return total.hexdigest()


class EvaluationCache:
    """Entries by key; any number of processes may use one folder at once.

    It never makes an evaluation fail: where it cannot be read or written, it is empty.

    Args:
        folder: By default that of the user.
        most_bytes: It grows to, about.
    """

    def __init__(self, folder: Path | None = None, *, most_bytes: int = MOST_BYTES) -> None:
        self.folder = folder or cache_folder() / "evaluations"
        self._most_bytes = most_bytes
        self._unseen_bytes = _LOOK_EVERY_BYTES  # written since the last look; the first is due

    def find(self, key: str) -> dict[str, bytes] | None:
        """The parts that were kept under a key; None where there are none, or damaged ones."""
        file = self._file(key)
        try:
            content = file.read_bytes()
        except OSError:
            return None
        digest, parts = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        if digest != _digest(key, parts):
            return None
        with suppress(OSError):  # a folder that may only be read
            os.utime(file)
        try:
            return {name: array.tobytes() for name, array in load(parts).items()}
        except SafetensorError:
            return None

    def keep(self, key: str, parts: Mapping[str, bytes]) -> None:
        """Keeps parts, in place of what is there; nothing where there is no room."""
        arrays = {name: np.frombuffer(part, np.uint8) for name, part in parts.items()}
        content = save(arrays)
        with suppress(OSError):
            self._make_room(len(content))
            if shutil.disk_usage(self.folder).free > _LEFT_FREE_BYTES:
                _write(self._file(key), _digest(key, content) + content)

    def size_bytes(self) -> int:
        """Of all entries."""
        return sum(size for _, size, _ in self._files())

    def clear(self) -> int:
        """Removes all entries.

        Returns:
            Their bytes.

        Raises:
            OSError: One cannot be removed.
        """
        freed = self.size_bytes()
        if self.folder.is_dir():
            shutil.rmtree(self.folder)
        return freed

    def _file(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.entry"

    def _make_room(self, size_bytes: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._unseen_bytes += size_bytes
        if self._unseen_bytes < _LOOK_EVERY_BYTES:
            return
        self._unseen_bytes = 0
        files = self._files()
        total = sum(size for _, size, _ in files)
        if total <= self._most_bytes:
            return
        for _, size, file in sorted(files):
            if total <= _KEPT * self._most_bytes:
                return
            file.unlink(missing_ok=True)
            total -= size

    def _files(self) -> list[tuple[float, int, Path]]:
        """Time of the last use, bytes and path of each; others may be removing them."""
        found = []
        for file in self.folder.glob("*/*"):
            with suppress(OSError):
                status = file.stat()
                found.append((status.st_mtime, status.st_size, file))
        return found


def _digest(key: str, content: bytes) -> bytes:
    return hashlib.sha256(key.encode() + content).digest()


def _write(file: Path, content: bytes) -> None:
    """Whole or not at all, though several processes may write the same one."""
    file.parent.mkdir(exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
