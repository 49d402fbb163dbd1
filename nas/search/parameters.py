"""How a choice of a space becomes a parameter of Optuna, and back."""

import itertools
from collections.abc import Mapping
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    IntDistribution,
)
from optuna.trial import Trial

from nas.space import Choice, Option, Pick, Space

__all__ = [
    "distribution_of",
    "distributions_of",
    "option_of",
    "parameters_of",
    "pick_of",
    "suggest",
]


def suggest(trial: Trial, choice: Choice) -> Option:
    """Asks `trial` for one choice."""
    name, distribution = distribution_of(choice)
    if isinstance(distribution, IntDistribution):
        number = trial.suggest_int(
            name, distribution.low, distribution.high, step=distribution.step
        )
        return number if name == choice.name else choice.options[number]
    place = choice.options.index(trial.suggest_categorical(name, choice.options))
    return choice.options[place]


def option_of(choice: Choice, parameters: Mapping[str, Any]) -> Option:
    """The option that a trial's stored parameters mean."""
    name, _ = distribution_of(choice)
    found = parameters[name]
    option: Option = found if name == choice.name else choice.options[found]
    return option


def pick_of(space: Space, parameters: Mapping[str, Any]) -> Pick:
    """The pick that a trial's stored parameters mean."""
    return space.pick(lambda choice: option_of(choice, parameters))


def distributions_of(
    choices: tuple[Choice, ...], pick: Mapping[str, Option]
) -> dict[str, BaseDistribution]:
    """Of the parameters of a pick, by name."""
    return dict(distribution_of(choice) for choice in choices if choice.name in pick)


def parameters_of(choices: tuple[Choice, ...], pick: Mapping[str, Option]) -> dict[str, Option]:
    """What `suggest` must return for `pick`, to be enqueued."""
    by_name = {choice.name: choice for choice in choices}
    found: dict[str, Option] = {}
    for chosen, option in pick.items():
        name, _ = distribution_of(by_name[chosen])
        found[name] = option if name == chosen else by_name[chosen].options.index(option)
    return found


def distribution_of(choice: Choice) -> tuple[str, BaseDistribution]:
    """Name and distribution of the parameter that stands for a choice.

    Rising integers keep their order: as they are if evenly spaced, else by their place.
    """
    numbers = [option for option in choice.options if isinstance(option, int)]
    if len(numbers) < len(choice.options):
        return choice.name, CategoricalDistribution(choice.options)
    steps = {b - a for a, b in itertools.pairwise(numbers)} or {1}
    if len(steps) == 1 and min(steps) > 0:
        return choice.name, IntDistribution(numbers[0], numbers[-1], step=steps.pop())
    if min(steps) > 0:
        return f"{choice.name}_place", IntDistribution(0, len(numbers) - 1)
    return choice.name, CategoricalDistribution(choice.options)
