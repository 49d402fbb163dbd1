"""Early stopping: what ends a candidate, and what must not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.search.stopping import Curve, goes_on


def curve(*psnr_db: float, latency_ms: float = 10.0) -> Curve:
    """Read at 100, 300 and 1000 steps, or the first of these."""
    steps = (100, 300, 1000)[: len(psnr_db)]
    return Curve(tuple(zip(steps, psnr_db, psnr_db, strict=True)), latency_ms)


CURVES = st.lists(
    st.builds(
        lambda psnr_db, gains_db, latency_ms: curve(
            *(psnr_db + sum(gains_db[:i]) for i in range(len(gains_db) + 1)), latency_ms=latency_ms
        ),
        psnr_db=st.floats(20, 35),
        gains_db=st.lists(st.floats(-0.2, 1), max_size=2),
        latency_ms=st.floats(1, 100),
    ),
    max_size=12,
)
EARLY = st.builds(
    lambda psnr_db, latency_ms: curve(psnr_db, latency_ms=latency_ms),
    psnr_db=st.floats(20, 35),
    latency_ms=st.floats(1, 100),
)
# A dB at the first rung is .6 at the end, and noise is nothing but that of seeds: .02 dB for each,
# .01 for four together, so what may be hoped for is .0224 above what is expected.
SURE = [curve(30.0 + d, 30.3 + d, 30.8 + 0.6 * d) for d in (-0.15, -0.05, 0.05, 0.15)]


def test_the_first_goes_on() -> None:
    assert goes_on(curve(20.0, latency_ms=100.0), [])
    assert goes_on(curve(20.0), [curve(30.0)]), "nothing was trained further"


@pytest.mark.parametrize(
    ("psnr_db", "latency_ms", "expected"),
    [
        (30.11, 10.0, False),  # 30.866 expected, 30.888 hoped for; the best has 30.89
        (30.12, 10.0, True),
        (30.11, 9.9, True),  # nobody is as fast
        (30.11, 10.1, False),  # slower and no better
        (30.20, 20.0, True),  # the best of all, however slow
    ],
)
def test_it_goes_on_where_it_may_still_be_of_the_front(
    psnr_db: float, latency_ms: float, expected: bool
) -> None:
    assert goes_on(curve(psnr_db, latency_ms=latency_ms), SURE) is expected


def test_little_that_was_seen_stops_little() -> None:
    ended = SURE[-1:]
    assert goes_on(curve(29.9), ended), "30.4 is expected, give or take .51: 30.91"
    assert not goes_on(curve(29.85), ended)


def test_what_is_hoped_for_may_be_more() -> None:
    assert not goes_on(curve(30.11), SURE)
    assert goes_on(curve(30.11), SURE, hope=2.0)


@given(mine=EARLY, others=CURVES, gain_db=st.floats(0, 3))
def test_more_quality_never_hurts(mine: Curve, others: list[Curve], gain_db: float) -> None:
    better = curve(mine.psnr_db + gain_db, latency_ms=mine.latency_ms)
    assert goes_on(better, others) or not goes_on(mine, others)


@given(mine=EARLY, others=CURVES, share=st.floats(0.1, 1))
def test_less_time_never_hurts(mine: Curve, others: list[Curve], share: float) -> None:
    faster = Curve(mine.readings, mine.latency_ms * share)
    assert goes_on(faster, others) or not goes_on(mine, others)


def test_networks_without_the_quality_that_is_demanded_stop_no_better_one() -> None:
    mine = curve(30.11, latency_ms=100.0)
    assert not goes_on(mine, SURE)
    assert not goes_on(mine, SURE, min_psnr_db=30.85), "the best has it, and is faster"
    assert not goes_on(mine, SURE, min_psnr_db=31.0), "it lacks it more than the best does"
    slow = curve(30.14, latency_ms=100.0)  # 30.884 expected, 30.906 hoped for
    assert goes_on(slow, SURE, min_psnr_db=31.0), "closer to it than all"
