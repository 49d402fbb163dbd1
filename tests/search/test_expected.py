"""What a stopped candidate is expected to reach."""

import numpy as np
import pytest

from nas.search.expected import expected_end
from nas.search.tasks import PsnrReading


def full(early_db: float, late_db: float) -> list[tuple[int, float, float]]:
    return [(100, early_db, early_db), (1000, late_db, late_db)]


def unlike(readings: list[list[PsnrReading]]) -> tuple[np.ndarray, np.ndarray]:
    """What is expected of networks that have nothing in common."""
    return expected_end(readings, np.eye(len(readings)))


def test_measured_end_is_itself_and_certain() -> None:
    mean_db, extra = unlike([full(30, 31), full(30.2, 31.1)])
    assert list(mean_db) == [31, 31.1]
    assert not extra.any()


def test_few_pairs_say_nothing_but_a_wide_guess() -> None:
    mean_db, extra = unlike([full(30, 31), [(100, 30.0, 30.0)]])
    assert mean_db[1] == 30.5
    assert extra[1, 1] == pytest.approx(0.5**2 + 0.1**2)


def test_stopped_one_gains_what_the_others_gained() -> None:
    ends = [full(30 + i / 10, 31 + i * 0.06) for i in range(6)]  # .6 dB for one, as is believed
    mean_db, extra = unlike([*ends, [(100, 29.95, 29.95)]])
    assert mean_db[-1] == pytest.approx(30.97)
    # Seeds alone cost .02 dB; it is .3 dB away from the middle of the line.
    assert extra[-1, -1] == pytest.approx(0.02**2 * (1 + 1 / 6 + 0.3**2 / (0.175 + 4 * 0.175 / 6)))


def test_network_that_broke_down_bends_no_line() -> None:
    ends = [full(30 + i / 10, 31 + i * 0.06) for i in range(6)]
    stopped = [(100, 29.95, 29.95)]
    broken = [full(24.0, 30.9), full(30.2, 25.0)]
    assert unlike([*ends, stopped])[0][-1] == unlike([*ends, *broken, stopped])[0][-1]


def test_scattered_gains_are_less_certain() -> None:
    rng = np.random.default_rng(0)
    ends = [full(30 + i / 10, 31 + i / 10 + rng.normal() / 5) for i in range(20)]
    _, extra = unlike([*ends, [(100, 29.9, 29.9)]])
    assert 0.1 < extra[-1, -1] ** 0.5 < 0.4


def test_what_one_line_tells_may_be_wrong_together() -> None:
    ends = [full(30 + i / 10, 31 + i * 0.06) for i in range(6)]
    _, extra = unlike([*ends, [(100, 29.0, 29.0)], [(100, 29.1, 29.1)]])
    assert extra[-1, -2] == pytest.approx(0.02**2 * (1 / 6 + 1.25 * 1.15 / (0.175 + 4 * 0.175 / 6)))
    assert not extra[:6].any()


def test_what_is_like_another_one_is_off_the_line_as_that_one_is() -> None:
    ends = [full(30 + i / 10, 31 + i * 0.06 + (0.03 if i % 2 else -0.03)) for i in range(8)]
    stopped = [(100, 30.4, 30.4)]
    plain_db, plain = unlike([*ends, stopped])
    likeness = np.eye(9)
    likeness[1, 8] = likeness[8, 1] = 1.0
    like_db, like = expected_end([*ends, stopped], likeness)
    assert like_db[8] > plain_db[8] + 0.02
    assert like[8, 8] < plain[8, 8] / 2
