"""Learning rates against formulas written by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.train.schedules import (
    Constant,
    Cosine,
    Cyclic,
    MultiStep,
    Schedule,
    Step,
    Triangular,
    Warmup,
)

TRIANGLE = Triangular(start=1.0, peak=5.0, end=2.0, peak_step=4, end_step=10)
HALF_COSINE = Cosine(peak=4.0, steps=12)
RATES: list[tuple[Schedule, list[tuple[float, float]]]] = [
    (Constant(3.0), [(0, 3.0), (10**9, 3.0)]),
    (
        TRIANGLE,
        [
            (0, 1.0),
            (1, 1 + 4 / 4),
            (2.5, 1 + 4 * 2.5 / 4),
            (4, 5.0),
            (6, 5 - 3 * 2 / 6),
            (10, 2.0),
            (11, 2.0),
        ],
    ),
    (
        HALF_COSINE,
        [
            (0, 4.0),
            (3, 4 * (1 + math.sqrt(0.5)) / 2),  # cos(pi/4)
            (4, 4 * (1 + 0.5) / 2),  # cos(pi/3)
            (6, 4 / 2),  # cos(pi/2) = 0
            (8, 4 * (1 - 0.5) / 2),
            (12, 0.0),
            (13, 0.0),
        ],
    ),
    (Cosine(peak=4.0, steps=12, end=1.0), [(0, 4.0), (4, 1 + 3 * 0.75), (6, 2.5), (12, 1.0)]),
    (Cosine(peak=4.0, steps=16, first=4), [(0, 4.0), (4, 4.0), (8, 3.0), (10, 2.0), (16, 0.0)]),
    (Warmup(4, Constant(8.0)), [(0, 8 * 1 / 4), (1, 8 * 2 / 4), (3, 8.0), (4, 8.0), (9, 8.0)]),
    (
        Warmup(4, HALF_COSINE),
        [(0, 4 * 1 / 4), (2, 4 * (1 + math.sqrt(0.75)) / 2 * 3 / 4), (4, 3.0)],
    ),
    (Warmup(4, Cosine(4.0, 16, first=4)), [(0, 1.0), (1, 2.0), (2, 3.0), (3, 4.0), (8, 3.0)]),
    (
        Step(start=8.0, factor=0.5, every=10),
        [(0, 8.0), (9.9, 8.0), (10, 4.0), (30, 1.0)],
    ),
    (Step(start=1.0, factor=0.6, every=2), [(1, 1.0), (2, 0.6), (4, 0.36), (6, 0.216)]),
    (
        MultiStep(8.0, 0.5, (3, 5)),
        [(0, 8.0), (2.9, 8.0), (3, 4.0), (5, 2.0), (99, 2.0)],
    ),
    (
        Cyclic(start=5.0, end=1.0, every=6),
        [(0, 5.0), (2, 1 + 4 * 0.75), (3, 3.0), (4, 1 + 4 * 0.25), (6, 5.0), (9, 3.0), (12, 5.0)],
    ),
]
SMOOTH = [
    TRIANGLE,
    HALF_COSINE,
    Cosine(4.0, 16, 1.0, first=4),
    Warmup(4, HALF_COSINE),
    Warmup(4, Cosine(4.0, 16, first=4)),
]
ALL = [schedule for schedule, _ in RATES]


@pytest.mark.parametrize(("schedule", "rates"), RATES, ids=lambda value: str(value)[:40])
def test_rates(schedule: Schedule, rates: list[tuple[float, float]]) -> None:
    for step, rate in rates:
        assert schedule.rate(step) == pytest.approx(rate, abs=1e-12), step


@given(st.sampled_from(ALL), st.floats(0, 1e6))
def test_rates_are_bounded_by_what_is_given(schedule: Schedule, step: float) -> None:
    assert 0 <= schedule.rate(step) <= 8


@given(st.sampled_from(SMOOTH), st.floats(0, 30))
def test_rates_do_not_jump(schedule: Schedule, step: float) -> None:
    assert abs(schedule.rate(step + 1e-6) - schedule.rate(step)) < 5e-6


@given(st.floats(1e-6, 1), st.integers(2, 10**6), st.integers(1, 1000), st.floats(0, 1))
def test_warm_cosine_is_what_the_search_trains_with(
    peak: float, steps: int, warmup: int, part: float
) -> None:
    step = part * steps
    expected = min(1, (step + 1) / warmup) * peak * (1 + math.cos(math.pi * step / steps)) / 2
    assert Warmup(warmup, Cosine(peak, steps)).rate(step) == pytest.approx(expected, abs=1e-15)


@given(st.floats(0.1, 0.9), st.integers(10, 1000), st.floats(0, 999))
def test_steps_are_milestones_at_equal_distances(factor: float, every: int, step: float) -> None:
    stones = tuple(range(every, 1000, every))
    assert Step(1.0, factor, every).rate(step) == MultiStep(1.0, factor, stones).rate(step)


@given(st.floats(0, 1e4))
def test_cycles_repeat(step: float) -> None:
    cyclic = Cyclic(5e-4, 1e-6, 256)
    assert cyclic.rate(step + 256) == pytest.approx(cyclic.rate(step), abs=1e-12)
