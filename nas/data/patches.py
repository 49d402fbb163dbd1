"""Patches: small LR and HR squares cut from the images, the same ones for every candidate."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.data.images import Pair
from nas.data.resample import Pixels
from nas.errors import DataError

__all__ = [
    "CALIBRATION_LR_SIZE",
    "STANDARD_CROPS",
    "Augment",
    "Draws",
    "PatchSampler",
    "calibration_patches",
    "standard_crops",
    "validation_crops",
]


CALIBRATION_LR_SIZE = 32
"""Low-resolution edge in pixels of the patches that read-outs are solved and ranges taken on."""
STANDARD_CROPS = 24
_LARGEST_CROP = 64  # low-resolution edge in pixels


@dataclass(frozen=True, slots=True)
class Augment:
    """What is done to patches at random.

    Args:
        geometric: One of the eight flips and rotations of the square.
        intensities: Both patches are multiplied by one of these.
        shuffle: The colours of both patches are permuted.
    """

    geometric: bool = True
    intensities: tuple[float, ...] = (1.0,)
    shuffle: bool = False


@dataclass(frozen=True, slots=True, eq=False)  # arrays have no truth value to compare with
class Draws:
    """Which patches a step shows and what is done to them; one entry a patch.

    Args:
        images: int64 [size], places in `PatchSampler.pairs`.
        tops: int64 [size], the first LR row.
        lefts: int64 [size], the first LR column.
        turns: int64 [size], 0 to 7. By its bits: 1 mirrors the rows, then 2 mirrors the columns,
            then 4 swaps rows and columns.
        intensities: float32 [size], factors of the pixel values.
        colours: int64 [size, 3], the channels that become red, green and blue.
    """

    images: NDArray[np.int64]
    tops: NDArray[np.int64]
    lefts: NDArray[np.int64]
    turns: NDArray[np.int64]
    intensities: NDArray[np.float32]
    colours: NDArray[np.int64]


class PatchSampler:
    """Random patches, as a pure function of (seed, step, size).

    There is no state to save or to resume, and two candidates compared with each other have been
    shown the same patches in the same order. An image is picked in proportion to its area, a patch
    uniformly inside it, and then what `augment` does; it has no say in which patch it is.

    Args:
        pairs: Images; those smaller than a patch are never picked.
        lr_patch: Side of an LR patch, in pixels.
        scale: Whole factor between LR and HR.
        seed: 0 or more.
        augment: What is done to patches.

    Raises:
        DataError: No image is as large as a patch.
        ValueError: An HR image is not `scale` times its LR image.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        *,
        lr_patch: int,
        scale: int,
        seed: int,
        augment: Augment = Augment(),
    ) -> None:
        self.pairs = _large_enough(pairs, lr_patch, scale)
        self.augment = augment
        self.lr_patch, self.scale, self._seed = lr_patch, scale, seed
        sides = np.array([pair.lr.shape[:2] for pair in self.pairs])
        self._room = sides - lr_patch + 1  # positions down and across
        areas = np.cumsum(sides[:, 0] * sides[:, 1])
        self._share = areas / areas[-1]

    def draws(self, step: int, size: int) -> Draws:
        """What one training step shows.

        Args:
            step: 0 or more.
            size: How many patches.
        """
        rng = np.random.default_rng((self._seed, step, size))
        where = rng.random((3, size))
        turns = rng.integers(0, 8, size)
        images = np.searchsorted(self._share, where[0], side="right")
        tops, lefts = (where[1:].T * self._room[images]).astype(np.int64).T
        factors = np.array(self.augment.intensities, np.float32)
        if self.augment.shuffle:
            colours = rng.random((size, 3)).argsort(axis=1)
        else:
            colours = np.broadcast_to(np.arange(3), (size, 3))
        return Draws(
            images,
            tops,
            lefts,
            turns if self.augment.geometric else np.zeros_like(turns),
            factors[rng.integers(0, len(factors), size)],
            colours,
        )

    def cut(self, draws: Draws) -> tuple[Pixels, Pixels]:
        """The patches of `draws` before their intensities, which whole numbers would round.

        Returns:
            LR, uint8 [size, lr_patch, lr_patch, 3]; HR, uint8 [size, lr_patch*scale,
            lr_patch*scale, 3].
        """
        lr, hr = _empty(len(draws.images), self.lr_patch, self.scale)
        places = np.stack([draws.images, draws.tops, draws.lefts, draws.turns], axis=1).tolist()
        for i, (image, top, left, turn) in enumerate(places):
            low, high = _cut(self.pairs[image], top, left, self.lr_patch, self.scale)
            _turn(low, turn, lr[i])
            _turn(high, turn, hr[i])
        if self.augment.shuffle:
            order = draws.colours[:, None, None]
            lr, hr = np.take_along_axis(lr, order, axis=3), np.take_along_axis(hr, order, axis=3)
        return lr, hr

    def batch(self, step: int, size: int) -> tuple[Pixels, Pixels]:
        """What one training step shows, where no intensity changes: `cut` of `draws`.

        Raises:
            ValueError: Intensities change; they ask for `draws` and `cut`.
        """
        if self.augment.intensities != (1.0,):
            raise ValueError(f"uint8 patches cannot have intensities {self.augment.intensities}")
        return self.cut(self.draws(step, size))


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
    """Fixed crops of one size, as many of each image, for papers weigh images alike.

    First the centre of each image, then the tiles around it that do not overlap, outermost first.
    Where an image has no tile left its further crops overlap, at places that are always the same.

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


def standard_crops(
    pairs: Sequence[Pair], *, scale: int, count: int = STANDARD_CROPS
) -> tuple[Pixels, Pixels]:
    """`validation_crops` of 64x64 low-resolution pixels, or of what the smallest image has."""
    smallest = min(min(pair.lr.shape[:2]) for pair in pairs)
    return validation_crops(pairs, lr_size=min(_LARGEST_CROP, smallest), scale=scale, count=count)


def _places(pairs: list[Pair], size: int, count: int) -> Iterator[tuple[int, int, int]]:
    """Image, top and left of each of `count` crops; no image has two more than another."""
    if count < len(pairs):
        for i in range(count):
            image = (2 * i + 1) * len(pairs) // (2 * count)
            yield (image, *_tiles(pairs[image], size)[0])
        return
    tiles = [_tiles(pair, size) for pair in pairs]
    rng = np.random.default_rng(0)
    for i in range(count):
        turn, image = divmod(i, len(pairs))
        if turn < len(tiles[image]):
            top, left = tiles[image][turn]
        else:
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


def _turn(patch: Pixels, turn: int, out: Pixels) -> None:
    """Writes one of the eight symmetries of the square, by the bits of `turn`, to `out`."""
    if turn & 1:
        patch = patch[::-1]
    if turn & 2:
        patch = patch[:, ::-1]
    if turn & 4:
        patch = patch.swapaxes(0, 1)
    if not turn & 6:
        out[...] = patch  # whole rows
        return
    # Pixels change places: numpy copies them colour by colour in a third of the time, since its
    # innermost loop is then a row and not the three colours of a pixel.
    for colour in range(3):
        out[:, :, colour] = patch[:, :, colour]
