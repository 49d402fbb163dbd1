"""Figures of quality against their definitions."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from nas.data.images import list_images, read_image
from nas.data.metrics import luma, psnr_db, psnr_y_db, ssim_y
from nas.data.resample import crop_to_multiple, downscale, upscale_bicubic

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
    assert ssim_y(GREY, GREY) == pytest.approx(1)


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


COLOURS = [  # of a pixel, its luma in studio range
    ((0, 0, 0), 16.0),
    ((255, 255, 255), 235.0),
    ((255, 0, 0), 16 + 65.481),
    ((0, 255, 0), 16 + 128.553),
    ((0, 0, 255), 16 + 24.966),
    ((10, 20, 30), 16 + (10 * 65.481 + 20 * 128.553 + 30 * 24.966) / 255),  # 31.5876
]


@pytest.mark.parametrize(("colour", "expected"), COLOURS)
def test_luma_of_known_colours(colour: tuple[int, int, int], expected: float) -> None:
    pixel = np.array([[colour]], np.uint8)
    assert luma(pixel).item() == pytest.approx(expected)
    assert luma(pixel, rounded=True).item() == math.floor(expected + 0.5)


def test_rounding_hides_or_enlarges_small_errors_of_luma() -> None:
    dark, bluer, bluest = (np.full((4, 4, 3), 0, np.uint8) for _ in range(3))
    bluer[..., 2], bluest[..., 2] = 5, 6  # luma 16.49 and 16.59
    assert psnr_y_db(dark, bluer, rounded=True) == math.inf
    assert psnr_y_db(dark, bluest, rounded=True) == pytest.approx(20 * math.log10(255))
    assert psnr_y_db(dark, bluer) == pytest.approx(20 * math.log10(255 / (5 * 24.966 / 255)))


@pytest.mark.parametrize(
    ("folder", "published", "rounded"),
    [
        ("Set5", 30.40, 30.39),
        ("Set14", 27.63, 27.62),
        ("B100", 27.21, 27.20),
        ("Kodak24", 28.43, 28.42),
    ],
)
def test_bicubic_reaches_its_published_figures(
    shared: Path, folder: str, published: float, rounded: float
) -> None:
    found = []
    for file in list_images(shared / folder):
        hr = crop_to_multiple(read_image(file), 3)
        made = upscale_bicubic(downscale(hr, 3), 3)
        found.append([psnr_y_db(made, hr, shave=3, rounded=each) for each in (False, True)])
    assert np.mean(found, axis=0) == pytest.approx((published, rounded), abs=0.0055)


def test_ssim_of_two_plain_images_is_their_luminance_term() -> None:
    a, b = luma(GREY[0])[0, 0], luma(shifted(5)[0])[0, 0]
    c1 = (0.01 * 255) ** 2
    expected = (2 * a * b + c1) / (a**2 + b**2 + c1)
    assert ssim_y(GREY, shifted(5)) == pytest.approx(expected, abs=1e-9)


def test_ssim_is_that_of_the_definition() -> None:
    """One window of 11x11, computed as the paper writes it."""
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 256, (2, 11, 11, 3)).astype(np.uint8)
    line = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    window = np.outer(line, line) / line.sum() ** 2
    x, y = luma(a), luma(b)
    mean_x, mean_y = (window * x).sum(), (window * y).sum()
    var_x, var_y = (window * (x - mean_x) ** 2).sum(), (window * (y - mean_y) ** 2).sum()
    both = (window * (x - mean_x) * (y - mean_y)).sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    expected = ((2 * mean_x * mean_y + c1) * (2 * both + c2)) / (
        (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    )
    assert ssim_y(a, b) == pytest.approx(expected, rel=1e-6)


def test_ssim_leaves_the_border_out() -> None:
    framed = np.full((20, 20, 3), 100, np.uint8)
    framed[:3] = 0
    plain = np.full((20, 20, 3), 100, np.uint8)
    assert ssim_y(framed, plain, shave=3) == pytest.approx(1)
    assert ssim_y(framed, plain) < 0.9


def test_ssim_falls_with_noise() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (24, 24, 3)).astype(np.uint8)
    little = np.clip(image + rng.normal(0, 5, image.shape), 0, 255).astype(np.uint8)
    much = np.clip(image + rng.normal(0, 60, image.shape), 0, 255).astype(np.uint8)
    assert 1 > ssim_y(image, little) > ssim_y(image, much) > 0


def test_shapes_must_agree() -> None:
    message = "images to compare differ in shape: (2, 16, 16, 3) and (16, 16, 3)"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        psnr_db(GREY, GREY[0])


def test_something_must_be_left_after_shaving() -> None:
    message = "nothing is left of (2, 16, 16, 3) after shaving 8 pixels"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        psnr_db(GREY, GREY, shave=8)
