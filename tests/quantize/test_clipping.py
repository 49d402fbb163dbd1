"""Where a range ends: by share, by squared error, by divergence."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nas.quantize.clipping import (
    Histogram,
    clip_entropy,
    clip_error,
    clip_share,
    squared_error,
)

CLIPS = [lambda h: clip_share(h, 0.999), clip_error, clip_entropy]
each_clip = pytest.mark.parametrize("clip", CLIPS, ids=["share", "error", "entropy"])


def histogram(*values: np.ndarray, low: float = -1.0, high: float = 1.0) -> Histogram:
    found = Histogram(low, high)
    for batch in values:
        found.add(batch.astype(np.float32))
    return found


def uniform(low: float, high: float, count: int = 100_000) -> np.ndarray:
    return np.linspace(low, high, count)


def test_batches_add_up_and_zeros_do_not_count() -> None:
    found = histogram(np.array([-1, 0, 0, 0.5]), np.array([[0.5], [1.0], [0.0]]))
    assert found.counts.sum() == 4
    assert (found.counts[0], found.counts[-1]) == (1, 1)
    assert found.counts.max() == 2


@pytest.mark.parametrize("share", [0.9, 0.99])
def test_share_of_uniform_values(share: float) -> None:
    low, high = clip_share(histogram(uniform(-1, 1)), share)
    assert high == pytest.approx(2 * share - 1, abs=2e-3)
    assert low == pytest.approx(1 - 2 * share, abs=2e-3)


def test_error_is_that_of_rounding_and_of_clipping() -> None:
    found = histogram(np.array([0.25, 0.25, -0.25, 0.75]))
    half_bin = 1 / 2048  # values count as the middle of their bin
    rounding = 3 * (1 / 255) ** 2 / 12
    clipping = (0.75 + half_bin - 0.5) ** 2
    assert squared_error(found, -0.5, 0.5) == pytest.approx(rounding + clipping, rel=1e-6)


@pytest.mark.parametrize("clip", CLIPS[1:], ids=["error", "entropy"])
def test_uniform_values_are_not_clipped(clip: object) -> None:
    assert callable(clip)
    assert clip(histogram(uniform(-1, 1))) == (-1.0, 1.0)


@each_clip
def test_long_tails_are_clipped(clip: object) -> None:
    assert callable(clip)
    values = np.random.default_rng(0).standard_t(3, 200_000)
    low, high = clip(histogram(values, low=values.min(), high=values.max()))
    assert 3 < high < 0.8 * values.max()
    assert 3 < -low < 0.8 * -values.min()


def test_error_clips_one_end_alone() -> None:
    values = np.abs(np.random.default_rng(0).standard_t(3, 200_000))
    low, high = clip_error(histogram(values, low=0.0, high=values.max()))
    assert low == 0.0
    assert high < 0.8 * values.max()


@each_clip
@example(low=-1e-300, high=0.0, values=[0.0])
@given(
    low=st.floats(-5, 0),
    high=st.floats(0, 5),
    values=st.lists(st.floats(-5, 5, width=32), max_size=20),
)
def test_ends_hold_zero_and_lie_within_what_was_seen(
    clip: object, low: float, high: float, values: list[float]
) -> None:
    assert callable(clip)
    found = clip(histogram(np.clip(np.array(values, np.float32), low, high), low=low, high=high))
    assert low <= found[0] <= 0 <= found[1] <= high
