"""Who proposes: Optuna's samplers, and how a choice of a space becomes their parameter."""

import itertools
import warnings
from collections.abc import Mapping
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    IntDistribution,
)
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.trial import Trial

from nas.space import Choice, Option

__all__ = ["make_sampler", "option_of", "parameters_of", "suggest"]


def make_sampler(kind: str, *, seed: int, num_startup: int) -> BaseSampler:
    """A sampler for two objectives and conditional choices.

    `auto` and `tpe` are TPE with `group`, the one Optuna sampler that models conditional choices
    jointly; `constant_liar` keeps parallel workers apart. NSGA-II needs several generations of
    50, GP models only the choices that are always there; both are for comparison.
    """
    with warnings.catch_warnings():
        # `group` has been marked experimental since Optuna 2.8 and is what the space needs.
        warnings.simplefilter("ignore", ExperimentalWarning)
        if kind == "random":
            return RandomSampler(seed=seed)
        if kind == "nsga2":
            return NSGAIISampler(seed=seed)
        if kind == "gp":
            return GPSampler(seed=seed, n_startup_trials=num_startup)
        return TPESampler(
            seed=seed,
            multivariate=True,
            group=True,
            constant_liar=True,
            n_startup_trials=num_startup,
        )


def suggest(trial: Trial, choice: Choice) -> Option:
    """Asks `trial` for one choice."""
    name, distribution = _parameter(choice)
    if isinstance(distribution, IntDistribution):
        number = trial.suggest_int(
            name, distribution.low, distribution.high, step=distribution.step
        )
        return number if name == choice.name else choice.options[number]
    place = choice.options.index(trial.suggest_categorical(name, choice.options))
    return choice.options[place]


def option_of(choice: Choice, parameters: Mapping[str, Any]) -> Option:
    """The option that a trial's stored parameters mean."""
    name, _ = _parameter(choice)
    found = parameters[name]
    option: Option = found if name == choice.name else choice.options[found]
    return option


def parameters_of(choices: tuple[Choice, ...], pick: Mapping[str, Option]) -> dict[str, Option]:
    """What `suggest` must return for `pick`, to be enqueued."""
    by_name = {choice.name: choice for choice in choices}
    found: dict[str, Option] = {}
    for chosen, option in pick.items():
        name, _ = _parameter(by_name[chosen])
        found[name] = option if name == chosen else by_name[chosen].options.index(option)
    return found


def _parameter(choice: Choice) -> tuple[str, BaseDistribution]:
    """Rising integers keep their order: as they are if evenly spaced, else by their place."""
    numbers = [option for option in choice.options if isinstance(option, int)]
    if len(numbers) < len(choice.options):
        return choice.name, CategoricalDistribution(choice.options)
    steps = {b - a for a, b in itertools.pairwise(numbers)} or {1}
    if len(steps) == 1 and min(steps) > 0:
        return choice.name, IntDistribution(numbers[0], numbers[-1], step=steps.pop())
    if min(steps) > 0:
        return f"{choice.name}_place", IntDistribution(0, len(numbers) - 1)
    return choice.name, CategoricalDistribution(choice.options)
