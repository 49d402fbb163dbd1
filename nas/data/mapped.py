"""Pairs whose pixels stay on disk: two flat files of uint8 and a JSON index.

The system maps the files, so that only what is looked at is read, and that all processes share it.
A pair that goes to another process takes its place in the files along, not its pixels.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.data.images import Pair
from nas.data.resample import Pixels
from nas.errors import DataError

__all__ = ["LeftOut", "Loaded", "MappedPair", "open_map", "write_map"]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An image that cannot be used."""

    name: str
    reason: str


Loaded = Pair | LeftOut


@dataclass(frozen=True, slots=True, eq=False)
class MappedPair(Pair):
    """A pair as read-only views of the files below `folder`."""

    folder: Path
    place: int
    sums: tuple[str, str]

    def digests(self) -> tuple[str, str]:
        """As of any pair; they were noted when the pixels were written."""
        return self.sums

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self.folder, self.place)


def write_map(images: Iterable[Loaded], folder: Path) -> None:
    """Writes images as they come; `folder` is made, and whole when this returns.

    Raises:
        OSError: The disk is full or may not be written.
    """
    folder.mkdir()
    entries: list[dict[str, Any]] = []
    ends = {"lr": 0, "hr": 0}
    with (folder / "lr.u8").open("wb") as lr_file, (folder / "hr.u8").open("wb") as hr_file:
        for image in images:
            if isinstance(image, LeftOut):
                entries.append({"name": image.name, "reason": image.reason})
                continue
            entry: dict[str, Any] = {"name": image.name, "sums": image.digests()}
            for kind, file, pixels in (("lr", lr_file, image.lr), ("hr", hr_file, image.hr)):
                entry[kind] = [ends[kind], *pixels.shape]
                file.write(np.ascontiguousarray(pixels).data)
                ends[kind] += pixels.nbytes
            entries.append(entry)
        for file in (lr_file, hr_file):  # a length without its bytes would look whole
            file.flush()
            os.fsync(file.fileno())
    (folder / "index.json").write_text(json.dumps({"bytes": ends, "images": entries}))


def open_map(folder: Path) -> list[Loaded] | None:
    """What `write_map` wrote; None if it is not there, or damaged."""
    try:
        index = json.loads((folder / "index.json").read_text())
        flat = {kind: _flat(folder / f"{kind}.u8", index["bytes"][kind]) for kind in ("lr", "hr")}
        return [_entry(folder, place, entry, flat) for place, entry in enumerate(index["images"])]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _flat(file: Path, size_bytes: int) -> Pixels:
    if file.stat().st_size != size_bytes:
        raise ValueError(f"{file} has another size than was written")
    if not size_bytes:  # nothing cannot be mapped
        return np.empty(0, np.uint8)
    mapped: NDArray[np.uint8] = np.memmap(file, np.uint8, mode="r")
    return np.asarray(mapped)


def _entry(folder: Path, place: int, entry: dict[str, Any], flat: dict[str, Pixels]) -> Loaded:
    if "reason" in entry:
        return LeftOut(entry["name"], entry["reason"])
    lr, hr = (_view(flat[kind], *entry[kind]) for kind in ("lr", "hr"))
    lr_sum, hr_sum = entry["sums"]
    return MappedPair(entry["name"], lr, hr, folder, place, (lr_sum, hr_sum))


def _view(flat: Pixels, begin: int, height: int, width: int, channels: int) -> Pixels:
    size = height * width * channels
    return flat[begin : begin + size].reshape(height, width, channels)


@lru_cache(maxsize=4)
def _opened(folder: Path) -> list[Loaded] | None:
    return open_map(folder)


def _reopen(folder: Path, place: int) -> Pair:
    images = _opened(folder)
    if images is None or not isinstance(pair := images[place], Pair):
        raise DataError(f"the decoded images in {folder} are gone", "start again: they are remade")
    return pair
