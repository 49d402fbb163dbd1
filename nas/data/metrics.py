"""Quality of an image against its original: PSNR in RGB, PSNR of the luma, SSIM.

All take one image [height, width, 3] or a stack [images, height, width, 3] of uint8. The figure of
a stack is the mean of its images' figures, as papers report it, not that of the pooled error.
"""

import numpy as np
from numpy.typing import NDArray

from nas.data.resample import Pixels

__all__ = ["psnr_db", "psnr_y_db", "ssim"]

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


def psnr_y_db(a: Pixels, b: Pixels, *, shave: int = 0) -> float:
    """PSNR of the luma (BT.601, 16..235, as MATLAB's rgb2ycbcr, not rounded), in dB.

    Arguments, result and errors are those of `psnr_db`.
    """
    a, b = _stacks(a, b, shave)
    return _mean_psnr(_luma(a), _luma(b))


def ssim(a: Pixels, b: Pixels) -> float:
    """Mean structural similarity of the RGB images, 1 for equal ones.

    Raises:
        ValueError: The shapes differ, or a side is shorter than the window of 7 pixels.

    Source:
        Wang et al. 2004 (doi:10.1109/TIP.2003.819861), as scikit-image computes it by default.
    """
    from skimage.metrics import structural_similarity  # here: it loads scipy

    pairs = zip(*_stacks(a, b, 0), strict=True)
    values = [structural_similarity(x, y, channel_axis=-1, data_range=255) for x, y in pairs]
    return float(np.mean(values))


def _stacks(a: Pixels, b: Pixels, shave: int) -> tuple[Pixels, Pixels]:
    if a.shape != b.shape:
        raise ValueError(f"images to compare differ in shape: {a.shape} and {b.shape}")
    if min(a.shape[-3:-1]) <= 2 * shave:
        raise ValueError(f"nothing is left of {a.shape} after shaving {shave} pixels")
    inner = slice(shave, -shave or None)
    height, width, channels = a.shape[-3:]
    stack = (-1, height, width, channels)
    return a.reshape(stack)[:, inner, inner], b.reshape(stack)[:, inner, inner]


def _luma(image: Pixels) -> _Floats:
    weights = np.array([65.481, 128.553, 24.966]) / 255
    return image.astype(np.float64) @ weights + 16


def _mean_psnr(a: _Floats, b: _Floats) -> float:
    error = ((a - b) ** 2).reshape(len(a), -1).mean(axis=1)
    with np.errstate(divide="ignore"):
        return float(np.mean(10 * np.log10(255.0**2 / error)))
