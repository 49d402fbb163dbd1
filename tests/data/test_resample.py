"""The resampler is MATLAB's."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.data.images import read_image
from nas.data.metrics import psnr_y_db
from nas.data.resample import crop_to_multiple, downscale, upscale_bicubic

SCALES = st.sampled_from([2, 3, 4])
SIDES = st.integers(1, 9)


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("name", ["baby", "bird", "butterfly", "head", "woman"])
def test_set5_comes_out_bit_for_bit(shared: Path, name: str) -> None:
    hr = crop_to_multiple(read_image(shared / "Set5" / f"{name}.png"), 3)
    expected = read_image(shared / "Set5_LR_bicubic_x3" / f"{name}x3.png")
    np.testing.assert_array_equal(downscale(hr, 3), expected)


# Of the literature, in dB at x3: 30.39 to 30.40 and 28.43.
FIGURES = [("Set5", 5, 30.395, 0.01), ("Kodak24", 24, 28.43, 0.01)]


@pytest.mark.parametrize(("name", "count", "expected_db", "within_db"), FIGURES)
def test_bicubic_reaches_its_published_figure(
    shared: Path, name: str, count: int, expected_db: float, within_db: float
) -> None:
    values = []
    for file in sorted((shared / name).glob("*.png")):
        hr = crop_to_multiple(read_image(file), 3)
        values.append(psnr_y_db(upscale_bicubic(downscale(hr, 3), 3), hr, shave=3))
    assert len(values) == count
    assert np.mean(values) == pytest.approx(expected_db, abs=within_db)


@settings(deadline=None)
@given(SCALES, SIDES, SIDES, st.integers(0, 255))
def test_a_constant_image_stays_constant(scale: int, rows: int, columns: int, value: int) -> None:
    image = np.full((rows * scale, columns * scale, 3), value, np.uint8)
    assert downscale(image, scale).shape == (rows, columns, 3)
    assert np.unique(downscale(image, scale)).tolist() == [value]
    assert upscale_bicubic(image, scale).shape == (rows * scale**2, columns * scale**2, 3)
    assert np.unique(upscale_bicubic(image, scale)).tolist() == [value]


@settings(deadline=None)
@given(SCALES, SIDES, SIDES, st.integers(0, 99))
def test_mirroring_commutes_with_downscaling(
    scale: int, rows: int, columns: int, seed: int
) -> None:
    image = noise(rows * scale, columns * scale, seed)
    mirrored = downscale(image[::-1, ::-1], scale)[::-1, ::-1].astype(int)
    # Sums are taken in another order: a half may be rounded the other way.
    assert np.abs(mirrored - downscale(image, scale)).max() <= 1


@settings(deadline=None)
@given(SCALES, st.integers(0, 99))
def test_channels_do_not_mix(scale: int, seed: int) -> None:
    image = noise(6 * scale, 5 * scale, seed)
    np.testing.assert_array_equal(
        downscale(image[:, :, ::-1], scale)[:, :, ::-1], downscale(image, scale)
    )


def test_an_impulse_spreads_as_the_kernel_says() -> None:
    """At x2, the taps of a = -0.5 are those of MATLAB: -3, -9, 29, 111, 111, 29, -9, -3 of 256."""
    image = np.full((32, 32, 3), 128, np.uint8)
    image[16] = 255  # one row, so the horizontal pass changes nothing
    taps = [-3, 29, 111, -9]  # row 16 is 3.5, 1.5, 0.5 and 2.5 from the centres of these rows
    found = downscale(image, 2)[[6, 7, 8, 9], 5, 0]
    expected = [np.floor(128 + 127 * tap / 256 + 0.5) for tap in taps]
    assert found.tolist() == expected


def test_scale_1_changes_nothing() -> None:
    image = noise(7, 5)
    np.testing.assert_array_equal(downscale(image, 1), image)
    np.testing.assert_array_equal(upscale_bicubic(image, 1), image)


def test_crop_cuts_bottom_and_right_only() -> None:
    image = noise(11, 13)
    np.testing.assert_array_equal(crop_to_multiple(image, 3), image[:9, :12])
    np.testing.assert_array_equal(crop_to_multiple(image, 1), image)


def test_a_side_that_is_no_multiple_is_refused() -> None:
    message = "10x9 is no multiple of 3: use crop_to_multiple first"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        downscale(noise(10, 9), 3)
