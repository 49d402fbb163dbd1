"""Expected gains against sums over many draws, and by hand where there is no doubt."""

import math

import numpy as np
import pytest

from nas.search.gain import (
    expected_improvement,
    front_area,
    front_gain,
    log_reach_chance,
    score_gain,
)

SURE = np.array([1e-9])
RNG = np.random.default_rng(0)
DRAWS = RNG.normal(size=400_000)


def array(*values: float) -> np.ndarray:
    return np.array(values)


def test_what_is_certain_gains_what_it_is_better_by() -> None:
    assert expected_improvement(array(3.0), SURE, 1.0)[0] == pytest.approx(2.0)
    assert expected_improvement(array(1.0), SURE, 3.0)[0] == pytest.approx(0.0)


def test_score_doubles_for_half_a_decibel_and_for_half_the_time() -> None:
    best = 2 * math.log(2) * 30.0 - math.log(10.0)
    assert score_gain(array(30.5), SURE, array(10.0), best)[0] == pytest.approx(1.0)
    assert score_gain(array(30.0), SURE, array(5.0), best)[0] == pytest.approx(1.0)
    assert score_gain(array(29.0), SURE, array(10.0), best)[0] == pytest.approx(0.0)


@pytest.mark.parametrize(("mean_db", "spread_db"), [(30.0, 0.1), (29.7, 0.3), (30.4, 0.05)])
def test_score_gain_is_the_mean_over_what_may_come(mean_db: float, spread_db: float) -> None:
    best = 2 * math.log(2) * 30.0 - math.log(10.0)
    scores = np.exp(2 * math.log(2) * (mean_db + spread_db * DRAWS) - math.log(11.0) - best)
    mean = np.maximum(scores - 1, 0).mean()
    found = score_gain(array(mean_db), array(spread_db), array(11.0), best)[0]
    assert found == pytest.approx(mean, rel=0.02)


def test_front_grows_by_the_areas_of_its_steps() -> None:
    """Front: 30 dB at 1 ms, 31 dB at e ms; corner 29 dB, e^2 ms. In log time 0, 1 and 2.

    32 dB at 1 ms: (32 - 30) * 1 over the first step and (32 - 31) * 1 over the second.
    30.5 dB at e^0.5 ms: 0.5 * 0.5 of the first step. 28 dB anywhere: nothing.
    """
    front = np.array([[30.0, 1.0], [31.0, math.e]])
    corner = (29.0, math.e**2)
    psnr_db, times = array(32.0, 30.5, 28.0), array(1.0, math.exp(0.5), 0.1)
    assert front_area(front, corner) == pytest.approx(3.0)  # 1 dB, then 2 dB, for a log ms each
    found = front_gain(psnr_db, np.full(3, 1e-9), times, front, corner)
    assert found == pytest.approx([3.0, 0.25, 0.0])


def test_what_is_slower_than_the_corner_does_not_count() -> None:
    front = np.array([[30.0, 1.0], [31.0, math.e**3]])
    psnr_db, times = array(32.0, 33.0), array(1.0, math.e**2.5)
    found = front_gain(psnr_db, np.full(2, 1e-9), times, front, (29.0, math.e**2))
    assert found == pytest.approx([4.0, 0.0])  # 2 dB over the first for 2 log ms
    assert front_area(front, (29.0, math.e**2)) == pytest.approx(2.0)  # the second is too slow


def test_faster_than_the_whole_front_gains_from_the_corner() -> None:
    """29.5 dB at e^-1 ms: 0.5 dB over the corner until the front begins, one log ms later."""
    front = np.array([[30.0, 1.0]])
    found = front_gain(array(29.5), SURE, array(math.exp(-1)), front, (29.0, math.e))
    assert found == pytest.approx([0.5])


def test_one_deviation_above_what_is_demanded_is_reached_in_five_of_six() -> None:
    one = log_reach_chance(array(32.1), array(0.1), 32.0)[0]
    assert math.exp(one) == pytest.approx(0.8413, abs=1e-4)
    assert log_reach_chance(array(32.1), array(0.1), -math.inf)[0] == 0
    far = log_reach_chance(np.array([31.0, 31.1]), np.array([0.1, 0.1]), 45.0)
    assert -math.inf < far[0] < far[1], "also where both chances are 0"
