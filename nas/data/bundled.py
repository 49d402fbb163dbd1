"""The default images, without a download: dead leaves to train on, photographs to validate on.

The photographs ship inside the scikit-image wheel. They are few but real, so a quality figure on
them means something; the leaves are generated once per seed and kept in the user's cache.
"""

import os
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas.data.dead_leaves import dead_leaves
from nas.data.images import Pair, read_image
from nas.data.resample import Pixels, crop_to_multiple, downscale
from nas.errors import DataError

__all__ = ["bundled_training", "bundled_validation", "cache_folder"]

_VERSION = 1  # raise it whenever dead_leaves draws something else
_COUNT = 64
_SIZE = 240  # a multiple of 2, 3 and 4

_PHOTOGRAPHS = (  # file in skimage/data, what it is divided by
    ("astronaut.png", 1),
    ("coffee.png", 1),
    ("chelsea.png", 1),
    ("rocket.jpg", 1),
    ("motorcycle_left.png", 1),
    ("motorcycle_right.png", 1),
    ("retina.jpg", 2),  # large and soft: halved, they are as sharp as the others
    ("hubble_deep_field.jpg", 2),
)


def bundled_training(scale: int, seed: int, cache: Path | None = None) -> list[Pair]:
    """64 dead-leaves images of 240x240 (HR), from the cache where it has them.

    Args:
        scale: Whole factor between LR and HR.
        seed: Of the generator, 0 or more.
        cache: Folder to keep them in; by default `cache_folder()`. A cache that is damaged is made
            anew, one that cannot be written is done without.
    """
    folder = cache_folder() if cache is None else cache
    file = folder / f"dead-leaves-v{_VERSION}-seed{seed}.npz"
    images = _load(file)
    if images is None:
        images = np.stack(dead_leaves(seed, _COUNT, _SIZE))
        with suppress(OSError):
            _save(file, images)
    return [_pair(f"leaves-{seed}-{i:02}", image, scale) for i, image in enumerate(images)]


def bundled_validation(scale: int) -> list[Pair]:
    """The eight photographs inside scikit-image, whole, cropped to a multiple of `scale`.

    Raises:
        DataError: None of them is in this installation.
    """
    pairs = list(_photographs(scale))
    if not pairs:
        raise DataError(
            "the photographs of scikit-image are missing from this installation",
            "reinstall scikit-image, or give a folder of images to validate on",
        )
    return pairs


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/nas`, or `~/.cache/nas`."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path(os.path.expanduser("~")) / ".cache") / "nas"  # noqa: PTH111


def _photographs(scale: int) -> Iterator[Pair]:
    # Finding is not importing: scikit-image is slow to load and not needed to read its files.
    spec = find_spec("skimage")
    roots = [] if spec is None else list(spec.submodule_search_locations or [])
    for name, divisor in _PHOTOGRAPHS:
        for root in roots:
            file = Path(root) / "data" / name
            if file.is_file():
                yield _pair(Path(name).stem, _divided(read_image(file), divisor), scale)


def _pair(name: str, image: Pixels, scale: int) -> Pair:
    hr = np.ascontiguousarray(crop_to_multiple(image, scale))
    return Pair(name, downscale(hr, scale), hr)


def _divided(image: Pixels, divisor: int) -> Pixels:
    """Mean over blocks of divisor x divisor pixels, rounded half up."""
    image = crop_to_multiple(image, divisor)
    height, width = image.shape[0] // divisor, image.shape[1] // divisor
    blocks = image.reshape(height, divisor, width, divisor, 3)
    mean: NDArray[np.float64] = blocks.mean(axis=(1, 3))
    return np.floor(mean + 0.5).astype(np.uint8)


def _load(file: Path) -> Pixels | None:
    """What the cache holds, or None if that is nothing, damaged or something else."""
    try:
        # Opened here, because numpy leaves a file open whose archive is damaged.
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            images: Pixels = archive["images"]
    except (OSError, ValueError, KeyError, EOFError, AttributeError, TypeError, zipfile.BadZipFile):
        return None
    if images.dtype != np.uint8 or images.shape != (_COUNT, _SIZE, _SIZE, 3):
        return None
    return images


def _save(file: Path, images: Pixels) -> None:
    """Writes beside the target and renames, so that no reader ever sees half a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, suffix=".tmp")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            np.savez(stream, images=images)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
