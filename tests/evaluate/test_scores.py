"""Figures of an upscaler against hand-computed ones."""

import math

import numpy as np
import pytest

from nas.data.images import Pair
from nas.data.metrics import luma, ssim_y
from nas.errors import DataError
from nas.evaluate import score
from nas.evaluate.scores import FIGURES, ImageScore, upscaled_and_scored
from nas.evaluate.upscaler import upscale_nearest


def pair(name: str, value: int = 100, hr_value: int | None = None) -> Pair:
    lr = np.full((8, 10, 3), value, np.uint8)
    hr = np.full((24, 30, 3), value if hr_value is None else hr_value, np.uint8)
    return Pair(name, lr, hr)


def nearest(image: np.ndarray) -> np.ndarray:
    return upscale_nearest(image, 3)


def test_a_constant_offset_has_known_figures() -> None:
    (found,) = score(nearest, [pair("a", 100, 108)], 3)
    a, b = (16 + 219 / 255 * value for value in (100, 108))
    c1 = (0.01 * 255) ** 2
    assert found.name == "a"
    assert found.psnr_rgb_db == pytest.approx(20 * math.log10(255 / 8))
    assert found.psnr_y_db == pytest.approx(20 * math.log10(255 / (8 * 219 / 255)))
    assert found.ssim_y == pytest.approx((2 * a * b + c1) / (a * a + b * b + c1), abs=1e-9)
    assert found.seconds >= 0


def test_exactly_scale_pixels_are_left_out() -> None:
    given = pair("a")
    for depth, expected in ((3, math.inf), (4, 20 * math.log10(255 / 50))):
        spoilt = given.hr.copy()
        inner = spoilt[depth:-depth, depth:-depth].copy()
        spoilt[:] = 150
        spoilt[depth:-depth, depth:-depth] = inner
        (found,) = score(nearest, [Pair("a", given.lr, spoilt)], 3)
        if math.isinf(expected):
            assert (found.psnr_rgb_db, found.ssim_y) == (math.inf, pytest.approx(1))
        else:
            ring = 18 * 24 - 16 * 22  # of 18x24 pixels those of the outermost line
            share = 10 * math.log10(18 * 24 / ring)
            assert found.psnr_rgb_db == pytest.approx(expected + share)


def test_each_image_is_scored_and_handed_on() -> None:
    pairs = [pair("a", 10, 11), pair("b", 20, 22)]
    steps = list(upscaled_and_scored(nearest, pairs, 3))
    assert [found.name for found, _ in steps] == ["a", "b"]
    assert [int(made[0, 0, 0]) for _, made in steps] == [10, 20]
    found = [figures.psnr_rgb_db for figures in score(nearest, pairs, 3)]
    assert found == pytest.approx([20 * math.log10(255), 20 * math.log10(255 / 2)])


def test_colour_errors_show_in_rgb_more_than_in_luma() -> None:
    given = pair("a")
    blue = given.hr.copy()
    blue[..., 2] += 40
    (found,) = score(nearest, [Pair("a", given.lr, blue)], 3)
    assert found.psnr_rgb_db == pytest.approx(20 * math.log10(255 / 40) + 10 * math.log10(3))
    assert found.psnr_y_db == pytest.approx(20 * math.log10(255 / (40 * 24.966 / 255)))
    assert found.ssim_y == pytest.approx(ssim_y(given.hr, blue))
    assert luma(blue).mean() > luma(given.hr).mean()


def test_another_scale_is_an_error() -> None:
    message = "^a was upscaled to 16x20 pixels, its original has 24x30"
    with pytest.raises(DataError, match=message):
        score(lambda image: upscale_nearest(image, 2), [pair("a")], 3)


def test_every_figure_is_a_field() -> None:
    assert set(FIGURES) < set(ImageScore.__dataclass_fields__)
