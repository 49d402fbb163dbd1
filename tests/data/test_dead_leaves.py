"""Generated images: the same from the same seed, and worth training on."""

import hashlib
import subprocess
import sys

import numpy as np

from nas.data.dead_leaves import dead_leaves

DIGEST = """
import hashlib
from nas.data.dead_leaves import dead_leaves
print(hashlib.sha256(b"".join(image.tobytes() for image in dead_leaves(5, 2, 48))).hexdigest())
"""


def test_another_process_draws_the_same() -> None:
    here = hashlib.sha256(b"".join(image.tobytes() for image in dead_leaves(5, 2, 48)))
    command = [sys.executable, "-c", DIGEST]
    there = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    assert there == here.hexdigest()


def test_more_images_leave_the_first_ones_alone() -> None:
    few, many = dead_leaves(0, 2, 32), dead_leaves(0, 4, 32)
    np.testing.assert_array_equal(few, many[:2])


def test_images_differ_between_seeds_and_within_one() -> None:
    a, b, c = *dead_leaves(0, 2, 32), *dead_leaves(1, 1, 32)
    assert not np.array_equal(a, b)
    assert not np.array_equal(a, c)
    assert not np.array_equal(b, c)


def test_shape_and_type_hold_for_odd_and_small_sizes() -> None:
    for size in (8, 33, 100):
        (image,) = dead_leaves(0, 1, size)
        assert (image.shape, image.dtype) == ((size, size, 3), np.uint8)


def test_statistics_are_those_of_photographs() -> None:
    images = np.stack(dead_leaves(0, 4, 240)).astype(float)
    assert 90 < images.mean() < 160
    low, high = np.percentile(images, [5, 95])
    assert low < 60
    assert high > 190
    flat = images.reshape(-1, 3).T
    assert np.corrcoef(flat)[0, 2] > 0.6  # red and blue go together, as under one light
    step = np.abs(np.diff(images.mean(-1), axis=2))
    assert np.mean(step > 40) > 0.03  # edges
    assert np.mean(step < 4) > 0.2  # soft regions
    assert np.mean((images == 0) | (images == 255)) < 0.08
