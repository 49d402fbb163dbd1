"""The structural fit: finds a law, keeps to its floors, and is not bent by a row that is off."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from scipy import optimize

from nas.latency.arrays import Array
from nas.latency.structure import fit_coefficients

LAW = np.array([2.0, 0.25, 5e-9, 2e-7, 0.0, 1e-6])  # milliseconds per unit
NOTHING = np.zeros(len(LAW))


def networks(seed: int, count: int = 24) -> Array:
    """A constant, a count of ops, and four terms of the size that MACs and bytes have."""
    rng = np.random.default_rng(seed)
    sizes = rng.lognormal(0, 0.6, (count, 4)) * [1e9, 1e7, 1e7, 1e6]
    return np.hstack([np.ones((count, 1)), rng.integers(5, 30, (count, 1)), sizes])


def fitted(
    design: Array,
    times: Array,
    *,
    ridge: float = 1e-6,
    floors: Array = NOTHING,
    prior: Array = NOTHING,
) -> Array:
    return fit_coefficients(design, times, ridge=ridge, floors=floors, prior=prior)


def least_squares(design: Array, times: Array) -> Array:
    """What a fit of squares of relative errors finds."""
    means = design.mean(axis=0)
    found, _ = optimize.nnls(design / means / times[:, None], np.ones(len(times)))
    return found / means


@given(seed=st.integers(0, 10**6))
def test_a_law_is_recovered(seed: int) -> None:
    design = networks(seed)
    found = fitted(design, design @ LAW)
    assert found == pytest.approx(LAW, rel=1e-3, abs=1e-10)


@pytest.mark.parametrize("factor", [3, 1 / 3])
def test_a_row_that_is_off_by_three_hardly_moves_the_others(factor: float) -> None:
    design = networks(seed=0)
    times = design @ LAW
    off = times.copy()
    off[5] *= factor
    others = np.arange(len(times)) != 5

    def worst(coefficients: Array) -> float:
        return float(np.abs(design @ coefficients / times - 1)[others].max())

    assert worst(fitted(design, off)) < 0.02
    assert worst(least_squares(design, off)) > 0.05
    assert worst(least_squares(design, times)) < 1e-9


def test_noise_is_averaged() -> None:
    design = networks(seed=0, count=200)
    noise = np.exp(0.05 * np.random.default_rng(1).normal(size=200))
    found = fitted(design, design @ LAW * noise)
    assert np.abs(design @ found / (design @ LAW) - 1).mean() < 0.02


@st.composite
def problems(draw: st.DrawFn) -> tuple[Array, Array, Array, Array, float]:
    """Design, times, floors, prior, ridge; nothing fits, some terms are never seen."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    rows, terms = draw(st.integers(2, 12)), draw(st.integers(1, 8))
    units = 10.0 ** rng.integers(-3, 10, terms)
    design = rng.lognormal(0, 1, (rows, terms)) * (rng.random((rows, terms)) < 0.7) * units
    floors, prior = (rng.random(terms) * (rng.random(terms) < 0.5) / units for _ in range(2))
    ridge = 10.0 ** draw(st.integers(-6, 2))
    return design, rng.lognormal(2, 1, rows), floors, prior, ridge


@given(problem=problems())
def test_no_coefficient_is_below_its_floor_or_negative(
    problem: tuple[Array, Array, Array, Array, float],
) -> None:
    design, times, floors, prior, ridge = problem
    found = fitted(design, times, ridge=ridge, floors=floors, prior=prior)
    assert np.isfinite(found).all()
    assert (found >= floors).all()
    assert (found >= 0).all()


def test_a_floor_is_paid_for_by_the_other_terms() -> None:
    design = networks(seed=0)
    times = design @ LAW
    floors = np.where(np.arange(len(LAW)) == 2, 1.2 * LAW, 0.0)  # dearer than the law
    found = fitted(design, times, floors=floors)
    assert found[2] == floors[2]
    assert (design @ found).sum() < 1.03 * times.sum()


def test_a_floor_below_the_law_changes_nothing() -> None:
    design = networks(seed=0)
    times = design @ LAW
    assert fitted(design, times, floors=LAW / 2) == pytest.approx(LAW, rel=1e-3, abs=1e-10)


def test_a_strong_ridge_gives_the_prior() -> None:
    design = networks(seed=0)
    prior = np.array([5.0, 0.1, 2e-8, 1e-7, 3e-7, 4e-6])
    found = fitted(design, design @ LAW, ridge=1e8, prior=prior)
    assert found == pytest.approx(prior, rel=1e-5)
    assert fitted(design, design @ LAW, ridge=1e8) == pytest.approx(NOTHING, abs=1e-6)


def test_a_prior_below_a_floor_is_lifted_to_it() -> None:
    design = networks(seed=0)
    found = fitted(design, design @ LAW, ridge=1e8, floors=LAW + 1e-7, prior=LAW / 2)
    assert found == pytest.approx(LAW + 1e-7, rel=1e-5)


def test_a_term_that_no_row_holds_costs_what_the_prior_says() -> None:
    design = networks(seed=0)
    times = design @ LAW
    design[:, 4] = 0
    prior = np.where(np.arange(len(LAW)) == 4, 3e-7, LAW)
    assert fitted(design, times, ridge=0.01, prior=prior) == pytest.approx(prior, rel=1e-6)
    assert fitted(design, times, ridge=0.01)[4] == 0


@given(seed=st.integers(0, 10**6), ridge=st.sampled_from([1e-4, 1e-2, 1.0]))
def test_the_unit_of_a_term_is_no_matter(seed: int, ridge: float) -> None:
    design = networks(seed)
    rng = np.random.default_rng(seed)
    times = design @ LAW * np.exp(0.1 * rng.normal(size=len(design)))
    units = np.array([1, 1, 1e-3, 1e3, 1024, 1e6])  # bytes or kB
    found = fitted(design, times, ridge=ridge, prior=LAW)
    other = fitted(design * units, times, ridge=ridge, prior=LAW / units)
    assert design * units @ other == pytest.approx(design @ found, rel=1e-5)


@given(seed=st.integers(0, 10**6), factor=st.sampled_from([1e-3, 60.0]))
def test_seconds_fit_as_milliseconds_do(seed: int, factor: float) -> None:
    design = networks(seed)
    times = design @ LAW * np.exp(0.1 * np.random.default_rng(seed).normal(size=len(design)))
    found = fitted(design, times, ridge=0.01)
    assert fitted(design, times * factor, ridge=0.01) == pytest.approx(factor * found, rel=1e-5)
