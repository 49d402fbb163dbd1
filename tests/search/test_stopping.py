"""Early stopping: what ends a candidate, and what must not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.search.stopping import GRACE, Rival, goes_on

RIVALS = st.lists(
    st.builds(Rival, psnr_db=st.floats(20, 35), latency_ms=st.floats(1, 100)), max_size=30
)
MINE = st.builds(Rival, psnr_db=st.floats(20, 35), latency_ms=st.floats(1, 100))


def test_the_first_goes_on() -> None:
    assert goes_on(Rival(20.0, 100.0), [], rung=0)


@pytest.mark.parametrize(
    ("rung", "rival", "expected"),
    [
        (0, Rival(27.09, 10.0), True),  # within 0.1 dB
        (0, Rival(27.11, 10.0), False),
        (0, Rival(28.00, 10.1), True),  # better, but slower
        (1, Rival(27.04, 10.0), True),  # within 0.05 dB
        (1, Rival(27.06, 9.0), False),
        (5, Rival(27.06, 9.0), False),
    ],
)
def test_a_clearly_better_and_no_slower_rival_ends_it(
    rung: int, rival: Rival, expected: bool
) -> None:
    assert goes_on(Rival(27.0, 10.0), [rival], rung=rung) is expected


def test_the_lower_half_by_score_ends_after_the_grace() -> None:
    faster = [Rival(26.9, 5.0)] * GRACE  # no rival dominates, all have a higher score
    assert goes_on(Rival(27.0, 10.0), faster[:-1], rung=0)
    assert not goes_on(Rival(27.0, 10.0), faster, rung=0)


@given(rivals=RIVALS, rung=st.integers(0, 3))
def test_the_best_always_goes_on(rivals: list[Rival], rung: int) -> None:
    best = Rival(max((r.psnr_db for r in rivals), default=30.0), 1.0)
    assert goes_on(best, rivals, rung=rung)


@given(mine=MINE, rivals=RIVALS, gain_db=st.floats(0, 3), rung=st.integers(0, 3))
def test_more_quality_never_hurts(
    mine: Rival, rivals: list[Rival], gain_db: float, rung: int
) -> None:
    better = Rival(mine.psnr_db + gain_db, mine.latency_ms)
    assert goes_on(better, rivals, rung=rung) or not goes_on(mine, rivals, rung=rung)


def test_rivals_without_the_quality_that_is_demanded_stop_no_better_network() -> None:
    mine, faster = Rival(27.0, 100.0), [Rival(26.9, 5.0)] * GRACE
    assert not goes_on(mine, faster, rung=0)
    assert goes_on(mine, faster, rung=0, min_psnr_db=28.0)
    assert not goes_on(mine, faster, rung=0, min_psnr_db=26.5), "they have what is demanded"
    assert not goes_on(mine, [Rival(27.11, 100.0)], rung=0, min_psnr_db=28.0)


@given(mine=MINE, rivals=RIVALS, rung=st.integers(0, 3), least_db=st.floats(20, 35))
def test_a_demand_on_quality_never_stops_what_went_on_with_the_most_quality(
    mine: Rival, rivals: list[Rival], rung: int, least_db: float
) -> None:
    best = Rival(max(each.psnr_db for each in (mine, *rivals)) + 1, mine.latency_ms)
    assert goes_on(best, rivals, rung=rung, min_psnr_db=best.psnr_db + least_db)
