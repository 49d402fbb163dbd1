"""Choices and Optuna's parameters: there and back for every option of the real space."""

import random
from copy import copy

import optuna
import pytest

from nas.latency.devices import load_device
from nas.search.candidates import Judge
from nas.search.config import SAMPLERS
from nas.search.mirror import Mirror
from nas.search.parameters import option_of, parameters_of, suggest
from nas.search.samplers import sampler_maker
from nas.search.study import CONSTRAINTS
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


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_refused_and_insufficient_networks_can_be_learnt_of(sampler: str) -> None:
    """Lists of 2, 3 and 5 constraints, and none, as studies have them."""
    space = load_space("hxnet")
    judge = Judge(space, load_device("synaptics-vs680").model, scale=3)
    make = sampler_maker(sampler, judge, num_startup=4)
    mirror = Mirror(make)
    for seed in range(60 if sampler == "nsga2" else 10):
        pick = parameters_of(space.choices, space.sample(random.Random(seed)))
        asked = mirror.ask(pick, seed=seed)
        space.pick(lambda choice, t=asked: suggest(t, choice))  # type: ignore[misc]
        ended = copy(mirror.frozen(asked))
        if seed % 5 == 4:
            ended.state = optuna.trial.TrialState.PRUNED
            kept = [0.0, 3.0] if seed == 4 else [0.0, 3.0, 0.0, 1.5, 0.0]
        else:
            ended.state = optuna.trial.TrialState.COMPLETE
            ended.values = [27 + seed / 10, 10.0 + seed]
            kept = [0.0, 0.0, 0.5 - seed / 10]
        ended.system_attrs = {CONSTRAINTS: kept}
        mirror.tell(asked, ended)
    asked = mirror.ask(None, seed=99)
    assert space.check(space.pick(lambda choice: suggest(asked, choice)))


def test_rising_numbers_keep_their_order() -> None:
    choices = {choice.name: choice for choice in load_space("hxnet").choices}
    parameters = parameters_of(tuple(choices.values()), {"first_channels": 21, "blocks": 12})
    assert parameters == {"first_channels_place": 7, "blocks": 12}
