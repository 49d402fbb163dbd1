"""The level of the loss, and how far it rose above the least one."""

import math

import pytest
import torch

from nas.train.hardware import Hardware
from nas.train.swing import Swing

LR = torch.full((2, 3, 4, 4), 0.25)
HR = torch.full((2, 3, 12, 12), 0.75)  # plain enlarging is off by 0.5


def followed(losses: list[float], *, scale: float = 1.0) -> Swing:
    found = Swing(Hardware())
    follow(found, losses, begin=0, scale=scale)
    return found


def follow(swing: Swing, losses: list[float], *, begin: int, scale: float = 1.0) -> None:
    for step, loss in enumerate(losses, begin):
        swing.begin_step(step)
        swing.follow(torch.tensor(loss * scale), LR * scale, HR * scale)


def test_rise_is_that_of_the_level_over_the_least_one_before() -> None:
    """By hand, as shares of 0.5: 1, then (1 + 0.5) / 2 = 0.75, then (2 * 0.75 + 1.2) / 3 = 0.9."""
    assert followed([0.5]).rise == 1
    assert followed([0.5, 0.25]).rise == 1
    assert followed([0.5, 0.25, 0.6]).rise == pytest.approx(0.9 / 0.75)
    assert followed([0.5, 0.25, 0.6, 0.0]).rise == pytest.approx(0.9 / 0.75)  # stays in mind


def test_a_tenth_of_the_level_is_new_in_a_late_step() -> None:
    assert followed([0.5] * 50 + [1.0]).rise == pytest.approx(0.9 + 0.1 * 2)


def test_patches_that_are_hard_to_enlarge_are_no_rise() -> None:
    swing = followed([0.4] * 20)
    follow(swing, [0.8] * 20, begin=20, scale=3)
    assert swing.rise == pytest.approx(2, rel=0.2)
    swing = followed([0.4] * 20)
    follow(swing, [0.4] * 20, begin=20, scale=3)
    assert swing.rise == pytest.approx(1)


def test_flat_patches_tell_nothing() -> None:
    grey = torch.full((2, 3, 12, 12), 0.25)
    for before in ([], [0.4] * 20):
        swing = followed(before)
        swing.begin_step(len(before))
        swing.follow(torch.tensor(0.001), LR, grey)
        assert swing.rise == 1
        follow(swing, [0.4] * 20, begin=len(before) + 1)
        assert swing.rise == 1


def test_loss_that_is_not_finite_stays_seen() -> None:
    assert followed([0.4, 0.4, math.inf]).rise == math.inf


def test_restored_state_goes_on_as_it_was() -> None:
    whole, again = followed([0.5, 0.2, 0.3, 0.4]), Swing(Hardware())
    again.restore(followed([0.5, 0.2]).state())
    follow(again, [0.3, 0.4], begin=2)
    assert again.rise == whole.rise > 1
