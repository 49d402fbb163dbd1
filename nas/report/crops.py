"""What two networks of a run made of the validation crops: figures of each, where they differ."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from nas.data.metrics import psnr_db
from nas.data.resample import Pixels, upscale_bicubic
from nas.search.crops import CROPS, FINALIST_STRIP, LR_STRIP, TRUTH_STRIP, read_strip

__all__ = ["Crops", "Detail", "most_different", "read_crops"]


@dataclass(frozen=True)
class Crops:
    """The validation crops of a run and what finalists made of them, uint8 (n, edge, edge, 3).

    Args:
        lr: Low resolution.
        truth: The originals.
        by_trial: What each converted finalist made of `lr`.
    """

    lr: Pixels
    truth: Pixels
    by_trial: dict[int, Pixels]

    @property
    def scale(self) -> int:
        """Upscaling factor."""
        return int(self.truth.shape[1] // self.lr.shape[1])

    @cached_property
    def bicubic(self) -> Pixels:
        """What bicubic interpolation makes of `lr`."""
        return np.stack([upscale_bicubic(each, self.scale) for each in self.lr])

    def psnrs_db(self, trial: int) -> list[float]:
        """PSNR of each crop, with the borders shaved as in the search."""
        pairs = zip(self.by_trial[trial], self.truth, strict=True)
        return [psnr_db(made, truth, shave=self.scale) for made, truth in pairs]


@dataclass(frozen=True, slots=True)
class Detail:
    """A square within a crop, in high-resolution pixels."""

    crop: int
    top: int
    left: int
    edge: int

    def of(self, images: Pixels) -> Pixels:
        """The detail of one of `images`, uint8 (edge, edge, 3)."""
        down, right = self.top + self.edge, self.left + self.edge
        return images[self.crop, self.top : down, self.left : right]


def read_crops(run: Path, trials: Iterable[int]) -> Crops | None:
    """The crops; None where the run lacks those of a trial, as older runs do, or one is damaged."""
    try:
        lr, truth = (read_strip(run / CROPS / name) for name in (LR_STRIP, TRUTH_STRIP))
        made = {
            trial: read_strip(run / "finalists" / str(trial) / FINALIST_STRIP) for trial in trials
        }
    except (OSError, ValueError, ZeroDivisionError):
        return None
    whole = all(images.shape == truth.shape for images in made.values())
    return Crops(lr, truth, made) if whole and len(lr) == len(truth) else None


def most_different(a: Pixels, b: Pixels, *, edge: int, count: int) -> Sequence[Detail]:
    """Where two stacks of images differ most by squared error: a detail per image, worst first.

    Args:
        a: uint8 (n, height, width, 3).
        b: The same shape.
        edge: Of a detail; at most that of an image.
        count: How many details.
    """
    edge = min(edge, *a.shape[1:3])
    error = ((a.astype(np.float64) - b) ** 2).sum(axis=3)
    sums = np.pad(error.cumsum(axis=1).cumsum(axis=2), ((0, 0), (1, 0), (1, 0)))  # from the corner
    within = (
        sums[:, edge:, edge:] - sums[:, :-edge, edge:] - sums[:, edge:, :-edge]
        + sums[:, :-edge, :-edge]
    )  # fmt: skip
    flat = within.reshape(len(within), -1)
    order = np.argsort(-flat.max(axis=1), kind="stable")[:count]
    places = (divmod(int(flat[i].argmax()), within.shape[2]) for i in order)
    return [Detail(int(i), top, left, edge) for i, (top, left) in zip(order, places, strict=True)]
