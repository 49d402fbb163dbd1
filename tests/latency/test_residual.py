"""The residual process: repeats near misses, is silent far away, and always knows how far it is."""

import math
from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from nas.latency.arrays import Array
from nas.latency.residual import Residual, place_of

FAR = np.array([[50.0, 50.0]])


def process(places: Array, misses: Array, strength: float = 5.0, reach: float = 0.2) -> Residual:
    return Residual(places, misses, strength, reach)


ONE = process(np.array([[0.3, 1.0]]), np.array([0.4]))


@st.composite
def processes(draw: st.DrawFn) -> Residual:
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    rows = draw(st.integers(1, 12))
    strength = draw(st.sampled_from([0.0, 1.0, 5.0, 20.0]))
    return process(rng.random((rows, 3)), rng.normal(0, 0.2, rows), strength)


def test_a_miss_is_repeated_as_far_as_it_is_no_noise() -> None:
    shift, spread = ONE.at(ONE.places)
    assert shift == pytest.approx([0.4 * 5 / (5 + 1)])
    assert spread == pytest.approx([math.sqrt(1 + 5 - 5 * 5 / (5 + 1))])


def test_a_miss_fades_with_distance() -> None:
    steps = np.array([[0.3 + 0.1 * i, 1.0] for i in range(12)])
    shift, spread = ONE.at(steps)
    assert (np.diff(shift) < 0).all()
    assert (np.diff(spread) > 0).all()
    assert shift[1] == pytest.approx(shift[0] * math.exp(-(0.1**2) / (2 * 0.2**2)))
    assert shift[-1] < 1e-6


def test_many_equal_misses_at_one_place_are_believed() -> None:
    many = process(np.repeat(ONE.places, 50, axis=0), np.full(50, 0.4))
    shift, spread = many.at(ONE.places)
    assert shift == pytest.approx([0.4], rel=0.01)
    assert spread == pytest.approx([1.0], rel=0.02)


def test_contradicting_misses_cancel() -> None:
    both = process(np.repeat(ONE.places, 2, axis=0), np.array([0.4, -0.4]))
    assert both.at(ONE.places)[0] == pytest.approx([0.0], abs=1e-12)


@pytest.mark.parametrize("strength", [1.0, 5.0, 20.0])
def test_nothing_is_said_far_away(strength: float) -> None:
    shift, spread = replace(ONE, strength=strength).at(FAR)
    assert shift == pytest.approx([0.0], abs=1e-12)
    assert spread == pytest.approx([math.sqrt(1 + strength)])


def test_strength_zero_shifts_nothing_and_still_tells_distance() -> None:
    shift, spread = replace(ONE, strength=0.0).at(np.vstack([ONE.places, FAR]))
    assert shift.tolist() == [0.0, 0.0]
    assert spread == pytest.approx([math.sqrt(1 + 1 - 1 / 2), math.sqrt(1 + 1)])


@given(found=processes())
def test_a_measured_place_is_less_open_than_noise_and_none_more_than_a_far_one(
    found: Residual,
) -> None:
    widest = math.sqrt(1 + (found.strength or 1.0))
    _, here = found.at(found.places)
    _, anywhere = found.at(np.random.default_rng(0).normal(0, 2, (20, 3)))
    assert (here >= 1).all()
    assert (here < math.sqrt(2)).all()
    assert (anywhere >= 1).all()
    assert (anywhere <= widest + 1e-12).all()


@given(found=processes())
def test_another_measurement_never_widens(found: Residual) -> None:
    asked = np.random.default_rng(1).random((20, 3))
    more = replace(
        found,
        places=np.vstack([found.places, [[0.5, 0.5, 0.5]]]),
        misses=np.append(found.misses, 0.1),
    )
    assert (more.at(asked)[1] <= found.at(asked)[1] + 1e-9).all()


@given(found=processes())
def test_neither_the_order_nor_the_company_of_what_is_asked_is_a_matter(found: Residual) -> None:
    asked = np.random.default_rng(2).random((5, 3))
    turned = replace(found, places=found.places[::-1], misses=found.misses[::-1])
    shift, spread = found.at(asked)
    assert turned.at(asked)[0] == pytest.approx(shift, abs=1e-9)
    assert turned.at(asked)[1] == pytest.approx(spread, abs=1e-9)
    alone = [found.at(row[None]) for row in asked]
    assert [float(s[0]) for s, _ in alone] == pytest.approx(shift.tolist(), abs=1e-12)
    assert [float(s[0]) for _, s in alone] == pytest.approx(spread.tolist(), abs=1e-12)


def test_a_place_is_how_the_time_is_spent_and_how_much_there_is() -> None:
    costs = np.array([[1.0, 3.0], [2.0, 6.0], [4.0, 0.0]])
    assert place_of(costs) == pytest.approx(
        np.array(
            [
                [math.sqrt(1 / 4), math.sqrt(3 / 4), math.log(4) / 2],
                [math.sqrt(1 / 4), math.sqrt(3 / 4), math.log(8) / 2],
                [1.0, 0.0, math.log(4) / 2],
            ]
        )
    )


def test_networks_of_one_mix_differ_by_their_total_alone() -> None:
    first, second = place_of(np.array([[1.0, 3.0], [2.0, 6.0]]))
    assert np.linalg.norm(first - second) == pytest.approx(math.log(2) / 2)
