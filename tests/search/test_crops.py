import numpy as np
import pytest

from nas.data.patches import STANDARD_CROPS, standard_crops
from nas.data.resample import downscale
from nas.data.sets import Dataset
from nas.search.crops import (
    CROPS,
    LR_STRIP,
    TRUTH_STRIP,
    details,
    keep_crops,
    read_strip,
    strip_png,
    telling,
)
from nas.search.effort import SEARCH


def test_strip_gives_back_its_images(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (4, 9, 9, 3), dtype=np.uint8)
    (tmp_path / "strip.png").write_bytes(strip_png(images))
    assert np.array_equal(read_strip(tmp_path / "strip.png"), images)


def test_run_keeps_the_crops_that_its_trials_are_measured_on(tmp_path, leaves):
    dataset = Dataset("leaves", leaves[:4], leaves[4:], "0" * 16, ())
    keep_crops(tmp_path, dataset, 3)
    lr, truth = standard_crops(dataset.valid, scale=3, count=SEARCH.validation_crops)
    assert np.array_equal(read_strip(tmp_path / CROPS / LR_STRIP), lr)
    assert np.array_equal(read_strip(tmp_path / CROPS / TRUTH_STRIP), truth)
    assert len(truth) == STANDARD_CROPS


def test_crops_of_a_resumed_run_stay(tmp_path, leaves):
    keep_crops(tmp_path, Dataset("leaves", leaves, leaves[:2], "0" * 16, ()), 3)
    before = read_strip(tmp_path / CROPS / TRUTH_STRIP)
    keep_crops(tmp_path, Dataset("leaves", leaves, leaves[3:], "1" * 16, ()), 3)
    assert np.array_equal(read_strip(tmp_path / CROPS / TRUTH_STRIP), before)


def test_telling_crops_are_those_that_bicubic_fails_at():
    flat = np.full((4, 24, 24, 3), 90, np.uint8)
    truth = flat.copy()
    truth[2, ::2] = 200  # rows that no downscaled image keeps
    truth[1, ::2] = 120
    lr = np.stack([downscale(image, 3) for image in truth])
    assert telling(lr, truth)[:2] == (2, 1)


@pytest.mark.parametrize(("edge", "begin", "kept"), [(192, 48, 96), (97, 0, 96), (60, 0, 60)])
def test_details_are_centres(edge, begin, kept):
    images = np.arange(edge, dtype=np.uint8)[None, :, None, None].repeat(edge, 2).repeat(3, 3)
    images = np.concatenate([images, images + np.uint8(1)])
    found = details(images, (1, 0, 1))
    assert found.shape == (3, kept, kept, 3)
    assert (found[0, :, 0, 0] == np.arange(begin + 1, begin + kept + 1, dtype=np.uint8)).all()
    assert (found[1] == found[0] - np.uint8(1)).all()
