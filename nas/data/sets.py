"""Which images train and which validate: from a word or a path to a `Dataset`."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from nas.data.bundled import bundled_training, bundled_validation
from nas.data.folders import load_folder
from nas.data.images import OnSkip, Pair
from nas.data.layouts import find_parts
from nas.errors import DataError

__all__ = ["Dataset", "load_dataset"]

_Digests = Callable[[Pair], tuple[str, str]]

_BUNDLED = "bundled"
_MOST_HELD_OUT = 24  # Kodak24 is 24 images, too: more only costs time


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Images to train and to validate on; no image is in both."""

    name: str
    train: tuple[Pair, ...]
    valid: tuple[Pair, ...]
    digest: str  # of all pixels and of which part they are in: 16 hexadecimal digits
    skipped: tuple[str, ...]  # "name: reason" of each image left out


@dataclass(frozen=True, slots=True)
class _Part:
    """One entry of a source; `valid` is empty if the entry does not say."""

    name: str
    train: list[Pair]
    valid: list[Pair]


def load_dataset(
    source: str,
    *,
    scale: int,
    lr_patch: int,
    valid: str | None = None,
    seed: int = 0,
    on_skip: OnSkip = lambda line: None,
) -> Dataset:
    """Loads the images of a run.

    Args:
        source: "bundled", or a folder, or several of these joined with ",". A folder in a layout
            of `nas.data.layouts` with a part to validate on says itself what validates.
        scale: Whole factor between LR and HR.
        lr_patch: Images whose LR is smaller than this in either direction are skipped.
        valid: Folder(s) to validate on instead, or "bundled".
        seed: Of the bundled images, and of the split where nothing says what validates: then a
            tenth of the images, at least 1 and at most 24, is held out.
        on_skip: Told "name: reason" of each image left out.

    Returns:
        The images; equal ones are kept once, and one in both parts only validates.

    Raises:
        DataError: A folder is missing or has no usable image, or too few are left to split.
    """
    skipped: list[str] = []

    def skip(line: str) -> None:
        skipped.append(line)
        on_skip(line)

    digests: _Digests = cache(lambda pair: pair.digests())  # in memory they take a while
    parts = _parts(source, scale, lr_patch, seed, skip)
    train = _distinct((pair for part in parts for pair in part.train), skip, digests)
    if valid is not None:
        chosen = _parts(valid, scale, lr_patch, seed, skip)
        held = [pair for part in chosen for pair in (part.valid or part.train)]
    else:
        held = [pair for part in parts for pair in part.valid]
    held = _distinct(held, skip, digests)
    if not held:
        train, held = _hold_out(train, seed, source)
    train = _unseen(train, held, skip, digests)
    if not train:
        raise DataError(
            f"all images of {source} are validation images, too",
            "train on other images than you validate on",
        )
    name = "+".join(part.name for part in parts)
    digest = _digest(train, held, digests)
    return Dataset(name, tuple(train), tuple(held), digest, tuple(skipped))


def _parts(source: str, scale: int, lr_patch: int, seed: int, skip: OnSkip) -> list[_Part]:
    entries = [entry.strip() for entry in source.split(",") if entry.strip()]
    if not entries:
        raise DataError(f"no image folder in {source!r}", 'give a folder, or "bundled"')

    def load(folder: Path) -> list[Pair]:
        return load_folder(folder, scale=scale, min_lr=lr_patch, on_skip=skip)

    return [
        _Part(_BUNDLED, bundled_training(scale, seed), bundled_validation(scale))
        if entry == _BUNDLED
        else _folder_part(Path(entry).expanduser(), load)
        for entry in entries
    ]


def _folder_part(folder: Path, load: Callable[[Path], list[Pair]]) -> _Part:
    train, valid = find_parts(folder)
    return _Part(folder.resolve().name, load(train), [] if valid is None else load(valid))


def _distinct(pairs: Iterable[Pair], skip: OnSkip, digests: _Digests) -> list[Pair]:
    first: dict[str, Pair] = {}
    for pair in pairs:
        known = first.setdefault(digests(pair)[1], pair)
        if known is not pair:
            skip(f"{pair.name}: same pixels as {known.name}")
    return list(first.values())


def _unseen(train: list[Pair], held: list[Pair], skip: OnSkip, digests: _Digests) -> list[Pair]:
    known = {digests(pair)[1]: pair.name for pair in held}
    unseen = []
    for pair in train:
        if (twin := known.get(digests(pair)[1])) is None:
            unseen.append(pair)
        else:
            skip(f"{pair.name}: same pixels as the validation image {twin}, left out of training")
    return unseen


def _hold_out(pairs: list[Pair], seed: int, source: str) -> tuple[list[Pair], list[Pair]]:
    if len(pairs) < 2:
        raise DataError(
            f"{source} has one usable image, so none is left to validate on",
            "add images, or name a folder to validate on",
        )
    num_held = min(_MOST_HELD_OUT, max(1, round(len(pairs) / 10)))
    held = set(np.random.default_rng(seed).permutation(len(pairs))[:num_held].tolist())
    train = [pair for i, pair in enumerate(pairs) if i not in held]
    return train, [pairs[i] for i in sorted(held)]


def _digest(train: Iterable[Pair], held: Iterable[Pair], digests: _Digests) -> str:
    total = hashlib.sha256()
    for part, pairs in (("train", train), ("valid", held)):
        for pair in pairs:
            total.update(" ".join([part, *digests(pair)]).encode())
    return total.hexdigest()[:16]
