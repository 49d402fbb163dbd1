"""Means and intervals against textbook values."""

import math

import numpy as np
import pytest

from nas.evaluate.statistics import Mean, mean_of, paired_difference


def test_interval_of_three_values() -> None:
    # deviation 1, t of 2 degrees of freedom 4.302653
    half = 4.302653 / math.sqrt(3)
    found = mean_of([1.0, 2.0, 3.0])
    assert (found.mean, found.low, found.high) == pytest.approx((2, 2 - half, 2 + half), abs=1e-6)


def test_interval_holds_the_truth_in_19_of_20_samples() -> None:
    rng = np.random.default_rng(0)
    found = [mean_of(rng.normal(30, 3, 6).tolist()) for _ in range(2000)]
    assert np.mean([mean.low <= 30 <= mean.high for mean in found]) == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize("values", [[7.0], [math.inf, 30.0]])
def test_one_value_or_an_infinite_one_has_no_interval(values: list[float]) -> None:
    found = mean_of(values)
    assert found.mean == np.mean(values)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_differences_are_taken_image_by_image() -> None:
    found = paired_difference([31.0, 26.0, 41.5], [30.0, 25.0, 40.5])
    assert found == Mean(1, 1, 1)  # always 1 better, however much images differ


def test_equally_perfect_images_do_not_differ() -> None:
    assert paired_difference([math.inf, 31.0], [math.inf, 30.0]).mean == 0.5


def test_nothing_has_no_mean() -> None:
    with pytest.raises(ValueError, match="no values to average"):
        mean_of([])
    with pytest.raises(ValueError, match="shorter"):
        paired_difference([1.0, 2.0], [1.0])
