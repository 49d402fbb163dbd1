"""The files of a package: which there are, and whether they are those that were recorded."""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from nas.export.finding import Finding
from nas.export.layout import PARITY, REQUIRED
from nas.export.record import FileFacts

__all__ = ["differences", "file_facts", "list_files"]

_MOST_FILES = 1000
_DEEPEST = 4  # folders within each other
_CHUNK = 2**20


def list_files(folder: Path) -> tuple[dict[str, int], list[Finding]]:
    """Size in bytes of each plain file below a folder by its name, and what is no plain file.

    Links are not followed.
    """
    sizes: dict[str, int] = {}
    odd: list[Finding] = []
    for name, found in _walk(folder, ""):
        if len(sizes) >= _MOST_FILES:
            odd.append(Finding(".", "number of files", f"more than {_MOST_FILES}"))
            break
        if stat.S_ISREG(found.st_mode):
            sizes[name] = found.st_size
        else:
            kind = "a link" if stat.S_ISLNK(found.st_mode) else "no plain file"
            odd.append(Finding(name, "plain files only", f"it is {kind}"))
    return sizes, odd


def file_facts(file: Path) -> FileFacts:
    """Hash and size of a file."""
    total, size_bytes = hashlib.sha256(), 0
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            total.update(chunk)
            size_bytes += len(chunk)
    return FileFacts(total.hexdigest(), size_bytes)


def differences(
    folder: Path, sizes: Mapping[str, int], recorded: Mapping[str, FileFacts]
) -> Iterator[Finding]:
    """What is missing, not recorded, or not as it was recorded."""
    for name in sorted(REQUIRED - recorded.keys()):
        yield Finding(name, "every package has it", f"{PARITY} does not list it")
    for name in sorted(recorded.keys() - sizes.keys()):
        yield Finding(name, "no file is missing", "it is not there")
    for name in sorted(sizes.keys() - recorded.keys() - {PARITY}):
        yield Finding(name, "no file was added", f"{PARITY} does not list it")
    for name in sorted(recorded.keys() & sizes.keys()):
        wanted = recorded[name]
        if sizes[name] != wanted.size_bytes:
            said = f"{sizes[name]} bytes, recorded are {wanted.size_bytes}"
            yield Finding(name, "size", said)
        elif (found := file_facts(folder / name)).sha256 != wanted.sha256:
            said = f"{found.sha256[:16]}..., recorded is {wanted.sha256[:16]}..."
            yield Finding(name, "sha256", said)


def _walk(folder: Path, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
    """Everything below a folder but folders, with names as in `parity.json`.

    A folder that lies deeper than any of a package is not entered.
    """
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            name = f"{prefix}{entry.name}"
            if entry.is_dir(follow_symlinks=False) and name.count("/") < _DEEPEST:
                yield from _walk(Path(entry.path), f"{name}/")
            else:
                yield name, entry.stat(follow_symlinks=False)
