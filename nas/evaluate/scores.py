"""Figures of an upscaler, image by image, as papers on super-resolution report them."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from nas.data.images import Pair
from nas.data.metrics import psnr_db, psnr_y_db, ssim_y
from nas.data.resample import Pixels
from nas.errors import DataError

__all__ = ["FIGURES", "ImageScore", "score", "upscaled_and_scored"]

FIGURES = {"psnr_y_db": "PSNR Y", "psnr_rgb_db": "PSNR RGB", "ssim_y": "SSIM Y"}
"""What is averaged over images, and how tables call it."""


@dataclass(frozen=True, slots=True)
class ImageScore:
    """Figures of one image, `scale` pixels along its borders left out.

    Args:
        name: Of the image.
        psnr_y_db: Of the BT.601 luma of the 8-bit images, not rounded.
        psnr_rgb_db: Of all samples.
        ssim_y: Structural similarity of the luma.
        seconds: That upscaling took on this machine, loading the image not included.
    """

    name: str
    psnr_y_db: float
    psnr_rgb_db: float
    ssim_y: float
    seconds: float


def score(
    upscale: Callable[[Pixels], Pixels], pairs: Sequence[Pair], scale: int
) -> list[ImageScore]:
    """Upscales the LR of each pair and compares with its HR.

    Args:
        upscale: uint8 [height, width, 3] -> uint8 [scale height, scale width, 3].
        pairs: Images in both resolutions.
        scale: Whole factor between them.

    Raises:
        DataError: An image is too small for the figures, or what is made has another size.
    """
    return [found for found, _ in upscaled_and_scored(upscale, pairs, scale)]


def upscaled_and_scored(
    upscale: Callable[[Pixels], Pixels], pairs: Sequence[Pair], scale: int
) -> Iterator[tuple[ImageScore, Pixels]]:
    """Like `score`, one image after the other, with what was made of it."""
    for pair in pairs:
        begun = time.perf_counter()
        made = upscale(pair.lr)
        seconds = time.perf_counter() - begun
        if made.shape != pair.hr.shape:
            raise DataError(
                f"{pair.name} was upscaled to {made.shape[0]}x{made.shape[1]} pixels, its original "
                f"has {pair.hr.shape[0]}x{pair.hr.shape[1]}",
                f"the images must be x{scale} apart",
            )
        yield (
            ImageScore(
                pair.name,
                psnr_y_db(made, pair.hr, shave=scale),
                psnr_db(made, pair.hr, shave=scale),
                ssim_y(made, pair.hr, shave=scale),
                seconds,
            ),
            made,
        )
