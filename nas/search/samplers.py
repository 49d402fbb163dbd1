"""Who proposes: this project's sampler, and those of Optuna to compare it with."""

import warnings
from collections.abc import Callable

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler

from nas.search.auto import AutoSampler, Memory
from nas.search.candidates import Judge

__all__ = ["sampler_maker"]


def sampler_maker(kind: str, judge: Judge, *, num_startup: int) -> Callable[[int], BaseSampler]:
    """Makes the sampler of a turn from its seed, for two objectives and conditional choices.

    `tpe` has `group`, the one option of Optuna's samplers that models conditional choices jointly;
    `constant_liar` keeps parallel workers apart. NSGA-II needs several generations of 50, GP models
    only the choices that are always there.

    Args:
        kind: One of `nas.search.config.SAMPLERS`.
        judge: Of the space and the device.
        num_startup: Trials before Optuna's samplers model anything.
    """
    if kind == "auto":
        memory = Memory(judge)
        return lambda seed: AutoSampler(memory, seed=seed)
    if kind == "random":
        return lambda seed: RandomSampler(seed=seed)
    if kind == "nsga2":
        return lambda seed: NSGAIISampler(seed=seed)
    return lambda seed: _optuna(kind, seed, num_startup)


def _optuna(kind: str, seed: int, num_startup: int) -> BaseSampler:
    with warnings.catch_warnings():
        # `group` has been marked experimental since Optuna 2.8 and is what the space needs.
        warnings.simplefilter("ignore", ExperimentalWarning)
        if kind == "gp":
            return GPSampler(seed=seed, n_startup_trials=num_startup)
        return TPESampler(
            seed=seed,
            multivariate=True,
            group=True,
            constant_liar=True,
            n_startup_trials=num_startup,
        )
