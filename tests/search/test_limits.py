"""What a person demands of a network: what is over, by how much, and how that is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.errors import UsageError
from nas.search.limits import LIMITS, NONE, PSNR_CONSTRAINT, Limits

OVER = [  # limits, what is known of a network, what is told
    ({"max_latency_ms": 20.0}, {"latency_ms": 20.04}, "20.04 ms is over the limit of 20 ms"),
    ({"max_latency_ms": 20.0}, {"latency_ms": 34.56}, "34.6 ms is over the limit of 20 ms"),
    ({"max_size_kib": 50}, {"size_kib": 51.25}, "51.2 KiB is over the limit of 50 KiB"),
    ({"max_memory_mb": 12.4}, {"memory_mb": 12.44}, "12.44 MB is over the limit of 12.4 MB"),
    ({"min_psnr_db": 28.5}, {"psnr_db": 28.1}, "28.10 dB is under the limit of 28.5 dB"),
]
BAD = [
    ({"max_size_kib": 0.0}, "size limit 0 KiB is not positive", "--max-size-kib takes KiB"),
    ({"max_memory_mb": -1.0}, "memory limit -1 MB is not positive", "--max-memory-mb takes MB"),
    ({"min_psnr_db": float("nan")}, "PSNR limit nan dB is not positive", "--min-psnr takes dB"),
    ({"max_latency_ms": float("inf")}, "latency limit inf ms is too large", "--max-latency-ms"),
]


@pytest.mark.parametrize(("asked", "known", "told"), OVER)
def test_what_is_over_is_told_with_digits_that_tell(
    asked: dict[str, float], known: dict[str, float], told: str
) -> None:
    found = Limits(**asked).excesses(**known)
    assert [excess.told for excess in found] == [told]
    assert found[0].requirement is LIMITS[next(iter(asked))]
    assert found[0].amount == pytest.approx(
        abs(next(iter(known.values())) - next(iter(asked.values())))
    )


@pytest.mark.parametrize(("asked", "message", "hint"), BAD)
def test_limits_without_sense_are_refused(asked: dict[str, float], message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        Limits(**asked).check()
    assert caught.value.message == message
    assert caught.value.hint.startswith(hint)


@given(value=st.floats(1e-3, 1e9), bound=st.floats(1e-3, 1e9))
def test_at_the_limit_is_within_it_and_without_one_all_is(value: float, bound: float) -> None:
    limits = Limits(max_size_kib=bound, min_psnr_db=bound)
    limits.check()
    assert bool(limits.excesses(size_kib=value)) == (value > bound)
    assert bool(limits.excesses(psnr_db=value)) == (value < bound)
    assert (limits.lacking_db(value) > 0) == (value < bound)
    assert not NONE.excesses(latency_ms=value, psnr_db=value, size_kib=value, memory_mb=value)
    assert NONE.lacking_db(value) == 0


def test_optuna_is_told_the_quality_in_the_third_place() -> None:
    assert Limits(min_psnr_db=28.0).constraints_of(28.25) == [0, 0, -0.25]
    assert Limits(min_psnr_db=28.0).constraints_of(27.5)[int(PSNR_CONSTRAINT)] == 0.5  # type: ignore[index]
    assert Limits(max_latency_ms=3.0).constraints_of(27.5) is None
