"""How many trainings a sampler needs, replayed on the table in seconds instead of hours.

    python benchmarks/search_quality.py [--samplers auto tpe random] [--seeds 100] [--count 200]
        [--no-stopping] [--table FILE] [--device NAME] [--workers N] [--csv FILE]

Every sampler begins with the published networks of the space, and has the search's early stopping
unless it is switched off. Medians over seeds, quartiles in brackets. `found` is the best true
score among the networks that were tried, `chosen` the true score of the one that measured best, and
`best of three` the best true score of the three that did, as shares of the best in the table.
"""

import argparse
import math
import random
import sys
from collections.abc import Sequence
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
from optuna.samplers import BaseSampler, NSGAIISampler, QMCSampler
from optuna.trial import TrialState

sys.path.insert(0, str(Path(__file__).parent / "table"))
from make import READINGS
from replay import CHOICES, Maker, Replay, Table, chosen, replay, table_of

from nas.search.auto import Memory
from nas.search.candidates import Judge
from nas.search.config import SearchConfig, count_cores
from nas.search.parameters import distributions_of, option_of, parameters_of

SAMPLERS = ("random", "tpe", "nsga2", "gp", "qmc", "evolution", "auto")
COUNTS = (20, 60, 180)
STEP_BUDGETS = (10_000, 20_000, 30_000, 60_000)


class Evolution(BaseSampler):
    """Regularised evolution (Real et al. 2019): the best of a sample of the last ones mutates."""

    def __init__(self, judge: Judge, seed: int) -> None:
        self._memory, self._rng = Memory(judge), random.Random(seed)
        self._chosen = None

    def infer_relative_search_space(self, study, trial):  # type: ignore[no-untyped-def]
        space_ = self._memory.judge.space
        done = [t for t in study.get_trials(deepcopy=False) if t.state == TrialState.COMPLETE][-50:]
        if len(done) < 10:
            self._chosen = space_.sample(self._rng)
        else:
            sample = self._rng.sample(done, 10)
            best = max(sample, key=lambda t: 2 * t.values[0] - math.log2(t.values[1]))
            parent = space_.pick(lambda c: option_of(c, best.params))
            self._chosen = self._rng.choice(list(space_.neighbours(parent)))
        return distributions_of(space_.choices, self._chosen)

    def sample_relative(self, study, trial, search_space):  # type: ignore[no-untyped-def]
        return parameters_of(self._memory.judge.space.choices, self._chosen)

    def sample_independent(self, study, trial, param_name, param_distribution):  # type: ignore[no-untyped-def]
        raise AssertionError("all is decided together")


def maker(kind: str, judge: Judge, run_seed: int) -> Maker | None:
    """Those that the search does not offer; None for the others."""
    if kind == "evolution":
        return lambda seed: Evolution(judge, seed)
    if kind == "nsga2":  # one object, for it holds its generation
        generations = NSGAIISampler(population_size=20, seed=run_seed)
        return lambda seed: generations
    if kind == "qmc":
        return lambda seed: QMCSampler(seed=seed, warn_independent_sampling=False)
    return None


def one(job: tuple[Path, str, str, int, int, bool]) -> Replay:
    """A replay, in a worker."""
    file, device, kind, seed, count, stops = job
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    table = table_of(file, device)
    own = kind if kind in ("auto", "tpe", "gp") else "random"
    config = SearchConfig(budget=count, sampler=own, seed=seed)
    stopping = None if stops else lambda *_: True
    return replay(table, maker(kind, table.judge, seed), config, stopping=stopping)


def first_within(table: Table, found: Replay, share: float) -> tuple[float, float]:
    """Networks and steps until one has `share` of the best true score; infinite if none has."""
    for place, each in enumerate(found.tried, 1):
        if table.share([each.digest]) >= share:
            return place, each.steps
    return math.inf, math.inf


def quartiles(values: Sequence[float], form: str = ".0f") -> str:
    """Median and quartiles; `-` is never."""
    low, middle, high = np.percentile(values, (25, 50, 75), method="nearest")
    low, middle, high = (f"{v:{form}}" if math.isfinite(v) else "-" for v in (low, middle, high))
    return f"{middle} ({low}..{high})"


def figures(table: Table, found: list[Replay]) -> dict[str, str]:
    """What is printed of a sampler."""
    cells = {}
    for share in (0.95, 0.99):
        firsts = [first_within(table, each, share) for each in found]
        cells[f"networks to {share:.0%}"] = quartiles([networks for networks, _ in firsts])
        cells[f"1000 steps to {share:.0%}"] = quartiles(
            [steps / 1000 for _, steps in firsts], ".1f"
        )
    for count in COUNTS:
        tried = [each.within(count=count) for each in found]
        cells |= _reached(table, tried, f"after {count} networks")
        areas = [table.hypervolume([t.digest for t in each]) for each in tried]
        cells[f"hypervolume after {count} networks"] = quartiles(areas, ".3f")
    for steps in STEP_BUDGETS:
        reaches = [each for each in found if each.tried[-1].steps >= steps]
        if len(reaches) == len(found):
            tried = [each.within(steps=steps) for each in found]
            cells |= _reached(table, tried, f"after {steps // 1000}k steps")
    num_tried = sum(len(each.tried) for each in found)
    cells["distinct"] = f"{num_tried / sum(each.num_proposed for each in found):.0%}"
    cells["ms an ask"] = f"{1e3 * np.mean([s for each in found for s in each.ask_s]):.0f}"
    cells["1000 steps in all"] = quartiles([each.tried[-1].steps / 1000 for each in found], ".0f")
    return cells


def _reached(table: Table, tried: list, when: str) -> dict[str, str]:  # type: ignore[type-arg]
    best = [table.share([t.digest for t in each]) for each in tried]
    cells = {f"found {when}": quartiles(best, ".3f")}
    for name, count in CHOICES.items():
        picked = [table.share(chosen(each, count)) for each in tried]
        cells[f"{name} {when}"] = quartiles(picked, ".3f")
    return cells


def main() -> None:
    """Prints medians and quartiles over seeds, one column a sampler."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samplers", nargs="+", default=SAMPLERS, choices=SAMPLERS)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--no-stopping", action="store_true")
    parser.add_argument("--device", default="synaptics-vs680")
    parser.add_argument("--table", type=Path, default=READINGS)
    parser.add_argument("--workers", type=int, default=count_cores())
    parser.add_argument("--csv", type=Path)
    given = parser.parse_args()
    table = table_of(given.table, given.device)
    print(f"{len(table.candidates)} networks, {given.seeds} seeds, {given.device}", flush=True)
    shown = {}
    with Pool(given.workers) as pool:
        for kind in given.samplers:
            jobs = [
                (given.table, given.device, kind, seed, given.count, not given.no_stopping)
                for seed in range(given.seeds)
            ]
            shown[kind] = figures(table, pool.map(one, jobs, chunksize=1))
            print(f"{kind} done", file=sys.stderr, flush=True)
    found = pd.DataFrame(shown)
    if given.csv:
        found.to_csv(given.csv)
    print(found.to_string(na_rep="-"))


if __name__ == "__main__":
    main()
