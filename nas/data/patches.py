"""Patches: small LR and HR squares cut from the images, the same ones for every candidate."""

from collections.abc import Iterator, Sequence

import numpy as np

from nas.data.images import Pair
from nas.data.resample import Pixels
from nas.errors import DataError

__all__ = ["PatchSampler", "calibration_patches", "validation_crops"]


class PatchSampler:
    """Random patches, as a pure function of (seed, step, size).

    There is no state to save or to resume, and two candidates compared with each other have been
    shown the same patches in the same order. An image is picked in proportion to its area, a patch
    uniformly inside it, and then one of the eight flips and rotations.

    Args:
        pairs: Images; those smaller than a patch are never picked.
        lr_patch: Side of an LR patch, in pixels.
        scale: Whole factor between LR and HR.
        seed: 0 or more.

    Raises:
        DataError: No image is as large as a patch.
        ValueError: An HR image is not `scale` times its LR image.
    """

    def __init__(self, pairs: Sequence[Pair], *, lr_patch: int, scale: int, seed: int) -> None:
        self._pairs = _large_enough(pairs, lr_patch, scale)
        self._patch, self._scale, self._seed = lr_patch, scale, seed
        sides = np.array([pair.lr.shape[:2] for pair in self._pairs])
        self._room = sides - lr_patch + 1  # positions down and across
        areas = np.cumsum(sides[:, 0] * sides[:, 1])
        self._share = areas / areas[-1]

    def batch(self, step: int, size: int) -> tuple[Pixels, Pixels]:
        """The patches of one training step.

        Args:
            step: 0 or more.
            size: How many patches.

        Returns:
            LR, uint8 [size, lr_patch, lr_patch, 3]; HR, uint8 [size, lr_patch*scale,
            lr_patch*scale, 3].
        """
        rng = np.random.default_rng((self._seed, step, size))
        draws = rng.random((3, size))
        images = np.searchsorted(self._share, draws[0], side="right")
        corners = (draws[1:].T * self._room[images]).astype(np.int64).tolist()
        turns = rng.integers(0, 8, size).tolist()
        lr, hr = _empty(size, self._patch, self._scale)
        steps = zip(images.tolist(), corners, turns, strict=True)
        for i, (image, (top, left), turn) in enumerate(steps):
            low, high = _cut(self._pairs[image], top, left, self._patch, self._scale)
            lr[i], hr[i] = _turned(low, turn), _turned(high, turn)
        return lr, hr


def calibration_patches(
    pairs: Sequence[Pair], *, lr_size: int, count: int, seed: int, scale: int
) -> tuple[Pixels, Pixels]:
    """`count` random patches, LR and HR, to calibrate ranges or to solve a read-out on.

    Raises:
        DataError: No image is as large as a patch.
    """
    return PatchSampler(pairs, lr_patch=lr_size, scale=scale, seed=seed).batch(0, count)


def validation_crops(
    pairs: Sequence[Pair], *, lr_size: int, scale: int, count: int
) -> tuple[Pixels, Pixels]:
    """Fixed crops of one size, spread evenly over the images; nothing random a reader could see.

    First the centre of each image, then the tiles around it that do not overlap, outermost first.
    Only when no image has a tile left do crops overlap.

    Args:
        pairs: Images; those smaller than a crop are left out.
        lr_size: Side of an LR crop, in pixels.
        scale: Whole factor between LR and HR.
        count: How many crops, 1 or more.

    Returns:
        LR, uint8 [count, lr_size, lr_size, 3]; HR, uint8 [count, lr_size*scale, lr_size*scale, 3].

    Raises:
        DataError: No image is as large as a crop.
    """
    usable = _large_enough(pairs, lr_size, scale)
    lr, hr = _empty(count, lr_size, scale)
    for i, (image, top, left) in enumerate(_places(usable, lr_size, count)):
        lr[i], hr[i] = _cut(usable[image], top, left, lr_size, scale)
    return lr, hr


def _places(pairs: list[Pair], size: int, count: int) -> Iterator[tuple[int, int, int]]:
    """Image, top and left of each of `count` crops."""
    if count < len(pairs):
        for i in range(count):
            image = (2 * i + 1) * len(pairs) // (2 * count)
            yield (image, *_tiles(pairs[image], size)[0])
        return
    tiles = [
        (turn, image, top, left)
        for image, pair in enumerate(pairs)
        for turn, (top, left) in enumerate(_tiles(pair, size))
    ]
    for _, image, top, left in sorted(tiles)[:count]:
        yield image, top, left
    rng = np.random.default_rng(0)
    for i in range(count - len(tiles)):
        image = i % len(pairs)
        height, width = pairs[image].lr.shape[:2]
        top, left = rng.integers(0, (height - size + 1, width - size + 1)).tolist()
        yield image, top, left


def _tiles(pair: Pair, size: int) -> list[tuple[int, int]]:
    """Corners of squares that do not overlap: the centre first, then from the outside in."""
    height, width = pair.lr.shape[:2]
    middle = (height - size) // 2, (width - size) // 2
    others = [
        (top, left)
        for top in range(middle[0] % size, height - size + 1, size)
        for left in range(middle[1] % size, width - size + 1, size)
        if (top, left) != middle
    ]
    others.sort(key=lambda place: -abs(place[0] - middle[0]) - abs(place[1] - middle[1]))
    return [middle, *others]


def _large_enough(pairs: Sequence[Pair], lr_size: int, scale: int) -> list[Pair]:
    for pair in pairs:
        height, width = pair.lr.shape[:2]
        if pair.hr.shape[:2] != (height * scale, width * scale):
            raise ValueError(f"{pair.name}: HR {pair.hr.shape} is not x{scale} of {pair.lr.shape}")
    usable = [pair for pair in pairs if min(pair.lr.shape[:2]) >= lr_size]
    if not usable:
        raise DataError(
            f"none of {len(pairs)} images is as large as {lr_size}x{lr_size} in low resolution",
            f"give images of at least {lr_size * scale}x{lr_size * scale} pixels",
        )
    return usable


def _empty(count: int, lr_size: int, scale: int) -> tuple[Pixels, Pixels]:
    hr_size = lr_size * scale
    return (
        np.empty((count, lr_size, lr_size, 3), np.uint8),
        np.empty((count, hr_size, hr_size, 3), np.uint8),
    )


def _cut(pair: Pair, top: int, left: int, size: int, scale: int) -> tuple[Pixels, Pixels]:
    high = pair.hr[top * scale : (top + size) * scale, left * scale : (left + size) * scale]
    return pair.lr[top : top + size, left : left + size], high


def _turned(patch: Pixels, turn: int) -> Pixels:
    """One of the eight symmetries of the square, by the bits of `turn`."""
    if turn & 1:
        patch = patch[::-1]
    if turn & 2:
        patch = patch[:, ::-1]
    return patch.swapaxes(0, 1) if turn & 4 else patch
