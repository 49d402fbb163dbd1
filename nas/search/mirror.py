"""The study as samplers see it, in memory: asking costs no storage, and claims stay atomic."""

from collections.abc import Callable, Mapping
from typing import Any

import optuna
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, Trial, TrialState

__all__ = ["Mirror"]


class Mirror:
    """What samplers learn from.

    Args:
        make_sampler: From a seed.
    """

    def __init__(self, make_sampler: Callable[[int], BaseSampler]) -> None:
        self._make_sampler = make_sampler
        self._study = optuna.create_study(directions=["maximize", "minimize"])

    def ask(self, parameters: Mapping[str, Any] | None, *, seed: int) -> Trial:
        """A trial that gives `parameters` where there are some, else what the sampler thinks."""
        self._study.sampler = self._make_sampler(seed)
        if parameters is not None:
            self._study.enqueue_trial(dict(parameters))
        return self._study.ask()

    def frozen(self, trial: Trial) -> FrozenTrial:
        """What was suggested."""
        return self._study._storage.get_trial(trial._trial_id)

    def tell(self, trial: Trial, told: FrozenTrial) -> None:
        """How a trial that was asked here ended in the study."""
        for name, value in told.system_attrs.items():
            self._study._storage.set_trial_system_attr(trial._trial_id, name, value)
        if readings := told.user_attrs.get("readings"):
            trial.set_user_attr("readings", readings)
        values = told.values if told.state == TrialState.COMPLETE else None
        self._study.tell(trial, values, state=told.state)

    def add(self, told: FrozenTrial) -> None:
        """A finished trial that was not asked here: of another search, or an earlier session."""
        self._study.add_trial(told)
