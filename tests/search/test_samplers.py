"""Choices and Optuna's parameters: there and back for every option of the real space."""

import random

import optuna
import pytest

from nas.latency.devices import load_device
from nas.search.candidates import Judge
from nas.search.config import SAMPLERS
from nas.search.parameters import option_of, parameters_of, suggest
from nas.search.samplers import sampler_maker
from nas.space import load_space


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_an_enqueued_pick_comes_back(sampler: str) -> None:
    space = load_space("hxnet")
    judge = Judge(space, load_device("synaptics-vs680").model, scale=3)
    study = optuna.create_study(
        directions=["maximize", "minimize"],
        sampler=sampler_maker(sampler, judge, num_startup=10)(0),
    )
    for seed in range(5):
        pick = space.sample(random.Random(seed))
        study.enqueue_trial(parameters_of(space.choices, pick))
        trial = study.ask()
        assert dict(space.pick(lambda choice, t=trial: suggest(t, choice))) == dict(pick)  # type: ignore[misc]
        assert all(
            option_of(choice, trial.params) == pick[choice.name]
            for choice in space.choices
            if choice.name in pick
        )


def test_rising_numbers_keep_their_order() -> None:
    choices = {choice.name: choice for choice in load_space("hxnet").choices}
    parameters = parameters_of(tuple(choices.values()), {"first_channels": 21, "blocks": 12})
    assert parameters == {"first_channels_place": 7, "blocks": 12}
