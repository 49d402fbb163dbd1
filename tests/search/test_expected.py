"""What a stopped candidate is expected to reach."""

import numpy as np
import pytest

from nas.search.expected import expected_end


def full(early_db: float, late_db: float) -> list[tuple[int, float, float]]:
    return [(100, early_db, early_db), (1000, late_db, late_db)]


def test_measured_end_is_itself_and_certain() -> None:
    mean_db, spread_db = expected_end([full(30, 31), full(30.2, 31.1)])
    assert list(mean_db) == [31, 31.1]
    assert list(spread_db) == [0, 0]


def test_few_pairs_say_nothing_but_a_wide_guess() -> None:
    mean_db, spread_db = expected_end([full(30, 31), [(100, 30.0, 30.0)]])
    assert mean_db[1] == 30.5
    assert spread_db[1] == 0.5


def test_stopped_one_gains_what_the_others_gained() -> None:
    ends = [full(30 + i / 10, 31 + i / 10) for i in range(6)]
    mean_db, spread_db = expected_end([*ends, [(100, 29.9, 29.9)]])
    assert mean_db[-1] == pytest.approx(30.9)
    assert spread_db[-1] == pytest.approx(0.02), "never more certain than seeds let it be"


def test_scattered_gains_are_less_certain() -> None:
    rng = np.random.default_rng(0)
    ends = [full(30 + i / 10, 31 + i / 10 + rng.normal() / 5) for i in range(20)]
    _, spread_db = expected_end([*ends, [(100, 29.9, 29.9)]])
    assert 0.1 < spread_db[-1] < 0.4
