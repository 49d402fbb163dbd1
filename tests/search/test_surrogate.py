"""The process that guesses PSNR, on functions that are known."""

from itertools import product

import numpy as np
import pytest

from nas.search.surrogate import WEIGHT_BOUNDS, Seen, Surrogate

NUM_TRAITS, NUM_CHOICES = 4, 3


def networks(count: int, seed: int = 0) -> Seen:
    rng = np.random.default_rng(seed)
    return Seen(rng.normal(size=(count, NUM_TRAITS)), rng.integers(0, 3, (count, NUM_CHOICES)))


def quality_db(seen: Seen, noise_db: float = 0.0, seed: int = 1) -> np.ndarray:
    """Linear in one trait, curved in another, better by 0.3 dB with one decision."""
    x = seen.traits
    smooth = 32 + 0.5 * x[:, 0] + 0.2 * np.sin(2 * x[:, 1]) + 0.3 * (seen.decisions[:, 0] == 1)
    return smooth + noise_db * np.random.default_rng(seed).normal(size=len(x))


def test_it_repeats_what_it_saw_where_there_is_no_noise() -> None:
    seen = networks(40)
    psnr_db = quality_db(seen)
    mean_db, _ = Surrogate(seen, psnr_db, np.zeros((40, 40))).predict(seen)
    assert mean_db == pytest.approx(psnr_db, abs=0.05)


@pytest.mark.parametrize(("count", "worst_db"), [(20, 0.35), (60, 0.2), (150, 0.12)])
def test_it_learns(count: int, worst_db: float) -> None:
    seen, others = networks(count), networks(300, seed=5)
    mean_db, _ = Surrogate(seen, quality_db(seen, 0.03), np.zeros((count, count))).predict(others)
    assert np.abs(mean_db - quality_db(others)).mean() < worst_db


@pytest.mark.parametrize("count", [20, 60, 150])
def test_intervals_hold_what_they_promise(count: int) -> None:
    held = []
    for seed in range(6):
        seen, others = networks(count, seed), networks(200, seed=100 + seed)
        fitted = Surrogate(seen, quality_db(seen, 0.05, seed), np.zeros((count, count)))
        mean_db, spread_db = fitted.predict(others)
        missed = np.abs(mean_db - quality_db(others, 0.05, seed + 50))
        held.append((missed < 1.2816 * spread_db).mean())
    assert 0.7 <= np.mean(held) <= 0.95


def test_only_networks_that_ended_tell_how_wide_intervals_are() -> None:
    """Every third one ended, with noise; what is expected of the others lies on the function."""
    seen, weights = networks(60), np.mean(WEIGHT_BOUNDS, axis=1)
    ended = np.arange(60) % 3 == 0
    psnr_db = np.where(ended, quality_db(seen, 0.3), quality_db(seen))
    told, hidden = (
        Surrogate(seen, psnr_db, np.diag(extra), weights=weights).widen
        for extra in (np.where(ended, 0.0, 1e-9), np.zeros(60))
    )
    assert told > hidden + 0.2


def test_the_fit_may_step_to_any_corner_of_its_bounds() -> None:
    seen, others = networks(12), networks(3, seed=2)
    for corner in product(*WEIGHT_BOUNDS):
        fitted = Surrogate(seen, quality_db(seen), np.zeros((12, 12)), weights=np.array(corner))
        assert np.isfinite(fitted.predict(others)).all()


def test_a_network_that_broke_down_moves_nothing_else() -> None:
    seen, others = networks(40), networks(50, seed=3)
    psnr_db = quality_db(seen)
    before, _ = Surrogate(seen, psnr_db, np.zeros((40, 40))).predict(others)
    psnr_db[0] = 11.0
    after, _ = Surrogate(seen, psnr_db, np.zeros((40, 40))).predict(others)
    assert np.abs(after - before).mean() < 0.2


def test_what_is_only_expected_counts_less() -> None:
    seen = networks(30)
    psnr_db = quality_db(seen)
    wrong_db, certain, doubt = psnr_db.copy(), np.zeros((30, 30)), np.zeros((30, 30))
    wrong_db[0] += 1.0
    doubt[0, 0] = 1.0
    weights = Surrogate(seen, psnr_db, certain).weights
    sure, _ = Surrogate(seen, wrong_db, certain, weights=weights).predict(seen)
    doubted, _ = Surrogate(seen, wrong_db, doubt, weights=weights).predict(seen)
    assert abs(doubted[0] - psnr_db[0]) < abs(sure[0] - psnr_db[0]) / 2


def test_traits_and_decisions_that_all_share_do_not_matter() -> None:
    seen = networks(20)
    flat = Seen(np.hstack([seen.traits, np.full((20, 1), 7.0)]), seen.decisions)
    plain, _ = Surrogate(flat, quality_db(seen), np.zeros((20, 20))).predict(flat)
    assert np.isfinite(plain).all()


def test_fit_follows_the_slope_of_its_loss() -> None:
    seen = networks(25)
    fitted = Surrogate(seen, quality_db(seen, 0.05), np.diag(np.full(25, 0.02**2)))
    weights = fitted.weights + 0.3
    _, slope = fitted._loss(weights)
    steps = 1e-5 * np.eye(len(weights))
    counted = [
        (fitted._loss(weights + step)[0] - fitted._loss(weights - step)[0]) / 2e-5 for step in steps
    ]
    assert slope == pytest.approx(counted, rel=1e-4, abs=1e-5)
