"""Pictures: every image as it was made, and close-ups where upscalers differ most."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.data.images import Pair, read_image
from nas.data.resample import downscale, upscale_bicubic
from nas.evaluate.pictures import close_ups, folder_names, write_close_ups, write_image
from tests.evaluate.conftest import photograph

PAIRS = [
    Pair(name, downscale(hr, 3), hr)
    for name, hr in (("a.png", photograph(192, 258)), ("b.jpg", photograph(129, 129)))
]


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    """Bicubic, and the same with one square of each image spoilt, that of the second more."""
    found = {"bicubic": tmp_path / "bicubic", "other": tmp_path / "other"}
    for pair, top, left, by in zip(PAIRS, (64, 0), (128, 64), (20, 40), strict=True):
        made = upscale_bicubic(pair.lr, 3)
        write_image(found["bicubic"], pair.name, made)
        made[top : top + 64, left : left + 64] //= 1 + by // 10
        write_image(found["other"], pair.name, made)
    return found


def test_images_are_kept_exactly(places: dict[str, Path]) -> None:
    assert sorted(file.name for file in places["bicubic"].iterdir()) == ["a.png", "b.jpg.png"]
    kept = read_image(places["bicubic"] / "b.jpg.png")
    np.testing.assert_array_equal(kept, upscale_bicubic(PAIRS[1].lr, 3))


def test_close_ups_show_the_largest_difference_first(places: dict[str, Path]) -> None:
    found = close_ups(PAIRS, places, 3)
    assert [(shown.image, shown.top, shown.left) for shown in found[:2]] == [
        (1, 0, 64),
        (0, 64, 128),
    ]
    assert len(found) == 6
    differences = [shown.difference for shown in found]
    assert differences == sorted(differences, reverse=True)
    assert differences[2] == 0


def test_close_ups_of_one_baseline_show_its_largest_errors(places: dict[str, Path]) -> None:
    pair = Pair("a.png", PAIRS[0].lr, PAIRS[0].hr.copy())
    pair.hr[:64, :64] = 255 - pair.hr[:64, :64]
    first, *_ = close_ups([pair], {"bicubic": places["bicubic"]}, 3)
    assert (first.top, first.left) == (0, 0)


def test_close_ups_stand_side_by_side(places: dict[str, Path], tmp_path: Path) -> None:
    write_close_ups(tmp_path / "close-ups", PAIRS, places, 3)
    names = sorted(file.name for file in (tmp_path / "close-ups").iterdir())
    assert names[:2] == ["1-b.png", "2-a.png"]
    assert len(names) == 6
    with Image.open(tmp_path / "close-ups" / "1-b.png") as picture:
        assert picture.size == (6 + 3 * (64 * 4 + 6), 3 * 20 + 64 * 4 + 2 * 6)
        panels = np.asarray(picture)[66 : 66 + 256]
    bicubic, other, original = (panels[:, 6 + i * 262 :][:, :256][::4, ::4] for i in range(3))
    inside = slice(0, 64), slice(64, 128)
    np.testing.assert_array_equal(bicubic, upscale_bicubic(PAIRS[1].lr, 3)[inside])
    np.testing.assert_array_equal(other, read_image(places["other"] / "b.jpg.png")[inside])
    np.testing.assert_array_equal(original, PAIRS[1].hr[inside])


def test_small_images_are_shown_whole(tmp_path: Path) -> None:
    hr = photograph(36, 48)
    pair = Pair("s.png", downscale(hr, 3), hr)
    write_image(tmp_path / "bicubic", pair.name, upscale_bicubic(pair.lr, 3))
    (found,) = close_ups([pair], {"bicubic": tmp_path / "bicubic"}, 3)
    assert (found.top, found.left) == (0, 0)


def test_every_model_has_a_folder_of_its_own() -> None:
    found = folder_names(["runs/a/best", "runs_a_best", "../x.tflite", "close-ups", "//"])
    assert found == {
        "runs/a/best": "runs_a_best",
        "runs_a_best": "runs_a_best_",
        "../x.tflite": "x.tflite",
        "close-ups": "close-ups_",
        "//": "model",
    }
