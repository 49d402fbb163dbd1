"""Quality of an image against its original: PSNR in RGB, PSNR of the luma, SSIM of the luma.

All take one image [height, width, 3] or a stack [images, height, width, 3] of uint8. The figure of
a stack is the mean of its images' figures, as papers report it, not that of the pooled error.

The luma is BT.601's in studio range, 16 + 219/255 of 0..255, as MATLAB's rgb2ycbcr computes it from
8-bit images. Here it keeps its fraction unless told otherwise: with that bicubic upscaling by 3
reaches the published 30.40, 27.63, 27.21 and 28.43 dB on Set5, Set14, B100 and Kodak24, while luma
rounded to 8 bits gives 30.39, 27.62, 27.20 and 28.42. A grey image counts as RGB of equal channels,
where some papers take grey values for luma: 1.3 dB less for bridge of Set14, 0.09 dB for the set.
"""

import numpy as np
from numpy.typing import NDArray

from nas.data.resample import Pixels

__all__ = ["luma", "psnr_db", "psnr_y_db", "ssim_y"]

_Floats = NDArray[np.float64]


def psnr_db(a: Pixels, b: Pixels, *, shave: int = 0) -> float:
    """Mean over the images of the peak signal-to-noise ratio of all RGB samples, in dB.

    Args:
        a: uint8 [..., height, width, 3].
        b: The same shape.
        shave: Pixels left out along each border.

    Returns:
        dB; infinite as soon as one pair of images is equal.

    Raises:
        ValueError: The shapes differ, or nothing is left after shaving.
    """
    a, b = _stacks(a, b, shave)
    return _mean_psnr(a.astype(np.float64), b.astype(np.float64))


def psnr_y_db(a: Pixels, b: Pixels, *, shave: int = 0, rounded: bool = False) -> float:
    """PSNR of the luma, in dB; with `rounded` of its 8-bit values.

    Other arguments, result and errors are those of `psnr_db`.
    """
    a, b = _stacks(a, b, shave)
    return _mean_psnr(luma(a, rounded=rounded), luma(b, rounded=rounded))


def ssim_y(a: Pixels, b: Pixels, *, shave: int = 0) -> float:
    """Mean structural similarity of the luma, not rounded, 1 for equal images.

    Gaussian window of 11x11 and a deviation of 1.5, constants 0.01 and 0.03, averaged over the
    places where the window lies inside the image.

    Raises:
        ValueError: The shapes differ, or a side is shorter than the window after shaving.

    Source:
        Wang et al. 2004 (doi:10.1109/TIP.2003.819861), computed by scikit-image.
    """
    from skimage.metrics import structural_similarity  # here: it loads scipy

    values = [
        structural_similarity(
            luma(x),
            luma(y),
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            K1=0.01,
            K2=0.03,
            data_range=255,
        )
        for x, y in zip(*_stacks(a, b, shave), strict=True)
    ]
    return float(np.mean(values))


def luma(image: Pixels, *, rounded: bool = False) -> _Floats:
    """BT.601 luma of RGB [..., height, width, 3] in studio range 16..235, halves rounded up."""
    weights = np.array([65.481, 128.553, 24.966]) / 255
    y = image.astype(np.float64) @ weights + 16
    return np.floor(y + 0.5) if rounded else y


def _stacks(a: Pixels, b: Pixels, shave: int) -> tuple[Pixels, Pixels]:
    if a.shape != b.shape:
        raise ValueError(f"images to compare differ in shape: {a.shape} and {b.shape}")
    if min(a.shape[-3:-1]) <= 2 * shave:
        raise ValueError(f"nothing is left of {a.shape} after shaving {shave} pixels")
    inner = slice(shave, -shave or None)
    height, width, channels = a.shape[-3:]
    stack = (-1, height, width, channels)
    return a.reshape(stack)[:, inner, inner], b.reshape(stack)[:, inner, inner]


def _mean_psnr(a: _Floats, b: _Floats) -> float:
    error = ((a - b) ** 2).reshape(len(a), -1).mean(axis=1)
    with np.errstate(divide="ignore"):
        return float(np.mean(10 * np.log10(255.0**2 / error)))
