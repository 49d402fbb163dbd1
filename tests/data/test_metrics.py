"""Figures of quality against their definitions."""

import math
import re

import numpy as np
import pytest

from nas.data.metrics import psnr_db, psnr_y_db, ssim

GREY = np.full((2, 16, 16, 3), 100, np.uint8)


def shifted(by: int) -> np.ndarray:
    return (GREY + by).astype(np.uint8)


@pytest.mark.parametrize("by", [1, 5, 100])
def test_psnr_of_a_constant_error(by: int) -> None:
    assert psnr_db(GREY, shifted(by)) == pytest.approx(20 * math.log10(255 / by))


def test_luma_of_a_grey_error_is_219_of_255_of_it() -> None:
    assert psnr_y_db(GREY, shifted(5)) == pytest.approx(20 * math.log10(255 / (5 * 219 / 255)))


def test_luma_weighs_green_more_than_blue() -> None:
    green, blue = GREY.copy(), GREY.copy()
    green[..., 1] += 9
    blue[..., 2] += 9
    assert psnr_y_db(GREY, blue) - psnr_y_db(GREY, green) == pytest.approx(
        20 * math.log10(128.553 / 24.966)
    )


def test_psnr_of_a_stack_is_the_mean_of_its_images() -> None:
    other = np.stack([shifted(1)[0], shifted(10)[1]])
    expected = (psnr_db(GREY[0], other[0]) + psnr_db(GREY[1], other[1])) / 2
    assert psnr_db(GREY, other) == pytest.approx(expected)
    assert expected == pytest.approx(20 * math.log10(255) - 10)


def test_equal_images_are_infinitely_good() -> None:
    assert psnr_db(GREY, GREY) == math.inf
    assert ssim(GREY, GREY) == pytest.approx(1)


def test_shaving_leaves_the_border_out() -> None:
    framed = GREY.copy()
    framed[:, :2] = framed[:, -2:] = framed[:, :, :2] = framed[:, :, -2:] = 0
    assert psnr_db(GREY, framed, shave=2) == math.inf
    assert psnr_db(GREY, framed, shave=1) < 20


@pytest.mark.parametrize("corner", [0, -1])
def test_without_shaving_every_pixel_counts(corner: int) -> None:
    spoilt = GREY[0].copy()
    spoilt[corner, corner] += 16
    assert psnr_db(GREY[0], spoilt) == pytest.approx(20 * math.log10(255))  # 16^2 of 16x16 pixels
    assert psnr_db(GREY[0], spoilt, shave=1) == math.inf


def test_ssim_falls_with_noise() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (24, 24, 3)).astype(np.uint8)
    little = np.clip(image + rng.normal(0, 5, image.shape), 0, 255).astype(np.uint8)
    much = np.clip(image + rng.normal(0, 60, image.shape), 0, 255).astype(np.uint8)
    assert 1 > ssim(image, little) > ssim(image, much) > 0


def test_shapes_must_agree() -> None:
    message = "images to compare differ in shape: (2, 16, 16, 3) and (16, 16, 3)"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        psnr_db(GREY, GREY[0])


def test_something_must_be_left_after_shaving() -> None:
    message = "nothing is left of (2, 16, 16, 3) after shaving 8 pixels"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        psnr_db(GREY, GREY, shave=8)
