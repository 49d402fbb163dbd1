"""The images of a package: the same everywhere, and free to travel."""

from pathlib import Path

import numpy as np
import pytest

from nas.data.bundled import bundled_validation
from nas.data.metrics import psnr_db
from nas.errors import DataError
from nas.evaluate.tiles import pad_to
from nas.export import check_set
from nas.export.check_set import PHOTOGRAPHS, check_files, make_check_set, read_check_set
from nas.export.measure import Form, measure

FORM = Form("f", "", "int8", "")


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_images_are_read_as_they_were_written(tmp_path: Path, scale: int) -> None:
    made = make_check_set(scale)
    assert made.scale == scale
    assert made.lr.shape == (6, 64, 64, 3)
    assert made.truth.shape == (6, 64 * scale, 64 * scale, 3)
    made.write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(check_files())
    again = read_check_set(tmp_path)
    assert np.array_equal(again.lr, made.lr)
    assert np.array_equal(again.truth, made.truth)


def test_photographs_of_unknown_terms_stay_at_home() -> None:
    names = {pair.name for pair in bundled_validation(3)}
    assert names - set(PHOTOGRAPHS) == {"motorcycle_left", "motorcycle_right"}


def test_missing_photographs_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = [pair for pair in bundled_validation(3) if pair.name != "coffee"]
    monkeypatch.setattr(check_set, "bundled_validation", lambda scale: kept)
    with pytest.raises(DataError) as caught:
        make_check_set(3)
    assert caught.value.message == "photographs of scikit-image are missing: coffee"


@pytest.mark.parametrize("size", [None, (64, 64), (32, 48), (70, 200), (20, 100)])
def test_figures_are_of_what_the_input_shows(size: tuple[int, int] | None) -> None:
    images = make_check_set(3)
    seen: list[tuple[int, ...]] = []

    def nearest(image: np.ndarray) -> np.ndarray:
        seen.append(image.shape[:2])
        return image.repeat(3, axis=0).repeat(3, axis=1)

    found = measure(FORM, nearest, images, size)
    assert set(seen) == {size or (64, 64)}
    height, width = (min(64, side) for side in size or (64, 64))
    for place, psnr in enumerate(found.psnr_db):
        small = images.lr[place, :height, :width]
        whole = images.truth[place, : height * 3, : width * 3]
        assert psnr == psnr_db(nearest(small), whole, shave=3)


def test_a_small_image_is_continued_by_reflection() -> None:
    images = make_check_set(3)
    placed = images.placed((100, 90))
    assert np.array_equal(placed[2], pad_to(images.lr[2], 100, 90))


def test_the_difference_is_of_what_can_be_seen() -> None:
    images = make_check_set(3)

    def white(value: float) -> np.ndarray:
        return np.full((192, 192, 3), value, np.float32)

    one, other = (measure(FORM, lambda image, v=v: white(v), images, None) for v in (1.5, 0.75))
    assert one.largest_difference(other) == 0.25  # 1.5 is white, too
