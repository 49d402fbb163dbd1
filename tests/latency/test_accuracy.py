"""Figures of agreement and baselines, on examples that a reader can work out."""

import math

import numpy as np
import pytest

from nas.latency.accuracy import affine, measure_accuracy, measure_intervals, nearest
from nas.latency.arrays import Array


def counted(*values: float) -> Array:
    return np.array(values)


def test_errors_of_a_worked_example() -> None:
    predicted = np.array([10.3, 18.5, 60.0, 20.0])  # off by 3, 7.5, 20 and 50 %
    found = measure_accuracy(predicted, np.array([10.0, 20.0, 50.0, 40.0]))
    assert found.mape == pytest.approx((3 + 7.5 + 20 + 50) / 4)
    assert found.median_ape == pytest.approx((7.5 + 20) / 2)
    assert (found.within_5, found.within_10) == (25, 50)
    assert found.rmse_ms == pytest.approx(math.sqrt((0.3**2 + 1.5**2 + 10**2 + 20**2) / 4))


def test_a_perfect_prediction() -> None:
    times = np.array([3.0, 1.0, 2.0])
    found = measure_accuracy(times, times)
    assert (found.mape, found.median_ape, found.rmse_ms) == (0, 0, 0)
    assert (found.within_5, found.within_10) == (100, 100)
    assert (found.spearman, found.kendall) == pytest.approx((1, 1))


def test_ranks_of_a_worked_example() -> None:
    measured = np.array([1.0, 2.0, 3.0, 4.0])
    one_swap = measure_accuracy(np.array([1.0, 3.0, 2.0, 400.0]), measured)
    assert one_swap.kendall == pytest.approx((5 - 1) / 6)  # of 6 pairs, one is in the wrong order
    assert one_swap.spearman == pytest.approx(1 - 6 * (1 + 1) / (4 * (16 - 1)))
    backwards = measure_accuracy(measured[::-1], measured)
    assert (backwards.spearman, backwards.kendall) == pytest.approx((-1, -1))


@pytest.mark.parametrize(
    ("predicted", "measured"), [([2.0, 2.0, 2.0], [1.0, 2.0, 3.0]), ([1.0, 2.0, 3.0], [2.0] * 3)]
)
def test_equal_times_have_no_ranks(predicted: list[float], measured: list[float]) -> None:
    found = measure_accuracy(np.array(predicted), np.array(measured))
    assert (found.spearman, found.kendall) == (0, 0)


def test_intervals_of_a_worked_example() -> None:
    predicted, measured = np.array([10.0, 20.0, 40.0, 80.0]), np.array([10.0, 24.0, 30.0, 80.0])
    low, high = predicted * [0.9, 0.8, 0.7, 1.0], predicted * [1.1, 1.2, 1.3, 1.0]
    found = measure_intervals(low, high, predicted, measured)
    assert found.coverage == 100  # the ends belong to it
    assert found.width == pytest.approx((20 + 40) / 2)
    slower, faster = measured + counted(0, 1, 0, 0), measured - counted(0, 0, 5, 0)
    assert measure_intervals(low, high, predicted, slower).coverage == 75
    assert measure_intervals(low, high, predicted, faster).coverage == 75


def test_the_affine_baseline_finds_a_line() -> None:
    times = counted(12, 14, 18)  # 10 ms, and 2 ms a unit
    assert affine(counted(1, 2, 4), times, counted(3, 0)) == pytest.approx([16, 10])
    assert affine(counted(1e9, 2e9, 4e9), times, counted(3e9)) == pytest.approx([16])


def test_the_affine_baseline_balances_relative_errors() -> None:
    found = affine(counted(1, 1), counted(1, 100), counted(1))
    assert found == pytest.approx([(1 / 1 + 1 / 100) / (1 / 1**2 + 1 / 100**2)])


def test_the_affine_baseline_never_gets_faster_with_size() -> None:
    found = affine(counted(1, 2, 4), counted(18, 14, 12), counted(1, 100))
    assert found[0] == pytest.approx(found[1])
    no_base = affine(counted(1, 2, 4), counted(1, 4, 10), counted(0, 2, 4))
    assert no_base[0] == 0
    assert no_base[2] == pytest.approx(2 * no_base[1])


def test_the_nearest_baseline_repeats_a_time() -> None:
    rows = np.array([[1.0, 7.0], [2.0, 7.0], [4.0, 7.0]])  # nothing is learned of the sevens
    times = counted(12, 14, 18)
    assert nearest(rows, times, np.array([[3.9, 7.0], [0.1, 7.0]])).tolist() == [18, 12]


def test_the_nearest_baseline_compares_ratios() -> None:
    rows = np.array([[1e9], [1e10]])
    assert nearest(rows, counted(1, 2), np.array([[4e9]])) == [2]  # 2.5 times, not 4 times


def test_the_nearest_baseline_weighs_all_terms_alike() -> None:
    rows = np.array([[1e9, 10.0], [1e10, 11.0]])
    assert nearest(rows, counted(1, 2), np.array([[1.2e9, 11.0]])) == [2]
