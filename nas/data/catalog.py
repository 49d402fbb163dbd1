"""The image sets that `nas data fetch` knows: where they come from, and on which terms.

They are listed in `catalog.toml`. A mirror is somebody else's copy: it is tried only when the
publisher cannot be reached, and said to be one.
"""

import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from nas.errors import DataError

__all__ = ["EVERYTHING", "Download", "ImageSet", "Source", "all_sets", "find_set"]

EVERYTHING = "*"  # as `take`: every image, whatever folder of the archive it lies in


@dataclass(frozen=True, slots=True)
class Download:
    """One file to fetch and the images in it.

    Args:
        url: A zip or tar archive, or an image.
        into: Folder below the data folder that receives the images.
        take: Only what lies in this folder of the archive, wherever that is, without the folders
            above; "" is all with its folders, `EVERYTHING` all without.
        size_bytes: Where it is known; any other length is refused.
        checksum: "sha256:..." or "md5:..." where one is known.
        checksum_from: Who states the checksum.
    """

    url: str
    into: str
    take: str = ""
    size_bytes: int | None = None
    checksum: str = ""
    checksum_from: str = ""

    @property
    def name(self) -> str:
        """The file's name, under which it is recorded; no two in the catalogue are equal."""
        return PurePosixPath(self.url).name


@dataclass(frozen=True, slots=True)
class Source:
    """One way to get a whole set."""

    origin: str
    downloads: tuple[Download, ...]
    is_mirror: bool = False

    @property
    def size_bytes(self) -> int | None:
        """Of all downloads, None if one is not known."""
        sizes = [download.size_bytes for download in self.downloads]
        return None if None in sizes else sum(size or 0 for size in sizes)


@dataclass(frozen=True, slots=True)
class ImageSet:
    """A published set of images.

    Args:
        name: As `nas data fetch` takes it.
        title: As papers write it.
        num_images: HR images.
        about: What it is used for, in one line.
        folder: Below the data folder; what `--data` takes.
        licence: As the publisher states it, in short.
        citation: What to cite.
        homepage: Where licence and images are described.
        sources: In the order they are tried; none where the set must be asked for.
    """

    name: str
    title: str
    num_images: int
    about: str
    folder: str
    licence: str
    citation: str
    homepage: str
    sources: tuple[Source, ...] = ()


@cache
def all_sets() -> tuple[ImageSet, ...]:
    """Every set, in the order of the file."""
    with Path(__file__).with_name("catalog.toml").open("rb") as stream:
        return tuple(_set(name, entry) for name, entry in tomllib.load(stream).items())


def find_set(name: str) -> ImageSet:
    """The set of that name; upper and lower case are the same.

    Raises:
        DataError: There is none.
    """
    known = {known.name: known for known in all_sets()}
    if (found := known.get(name.lower())) is not None:
        return found
    nearest = get_close_matches(name.lower(), known, n=1)
    hint = f"did you mean {nearest[0]}? known" if nearest else "known"
    raise DataError(f"there is no image set {name!r}", f"{hint}: {', '.join(known)}")


def _set(name: str, entry: dict[str, Any]) -> ImageSet:
    sources = tuple(
        Source(
            source["origin"],
            tuple(Download(**download) for download in source["downloads"]),
            source.get("is_mirror", False),
        )
        for source in entry.pop("sources", [])
    )
    return ImageSet(name, sources=sources, **entry)
