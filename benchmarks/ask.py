"""How long a sampler takes for a proposal in a space of a million networks.

    python benchmarks/ask.py [--samplers auto tpe] [--finished 200] [--asks 20]

The study holds random networks of `hxnet` with made-up PSNR, half of them stopped early. Seconds
are of the processor, of this process alone: median and quartiles of asks that follow each other,
each told before the next.
"""

import argparse
import json
import random
import time
from math import log2

import numpy as np
import optuna
from optuna.trial import create_trial

from nas.latency.devices import load_device
from nas.search.candidates import Candidate, Judge
from nas.search.config import SAMPLERS
from nas.search.parameters import distributions_of, parameters_of, suggest
from nas.search.samplers import sampler_maker
from nas.space import load_space


def readings(candidate: Candidate, rng: random.Random) -> list[tuple[int, float, float]]:
    """More parameters, more PSNR; half of the networks stop at one of two rungs."""
    end_db = 29 + 0.2 * log2(candidate.parameters) + rng.gauss(0, 0.03)
    curve = [(100, end_db - 0.6), (300, end_db - 0.3), (1000, end_db)]
    return [(steps, db, db) for steps, db in curve[: rng.choice((1, 2, 3, 3))]]


def finished(judge: Judge, count: int) -> optuna.Study:
    """A study of so many distinct networks."""
    study = optuna.create_study(directions=["maximize", "minimize"])
    rng, digests, choices = random.Random(0), set[str](), judge.space.choices
    while len(digests) < count:
        pick = judge.space.sample(rng)
        found = judge.look(pick)
        if not isinstance(found, Candidate) or found.digest in digests:
            continue
        digests.add(found.digest)
        told = readings(found, rng)
        study.add_trial(
            create_trial(
                values=[told[-1][2], found.latency_ms],
                params=parameters_of(choices, pick),
                distributions=distributions_of(choices, pick),
                user_attrs={"readings": json.dumps(told)},
            )
        )
    return study


def main() -> None:
    """Prints a line a sampler."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samplers", nargs="+", default=["auto", "tpe"], choices=SAMPLERS)
    parser.add_argument("--finished", type=int, default=200)
    parser.add_argument("--asks", type=int, default=20)
    given = parser.parse_args()
    judge = Judge(load_space("hxnet"), load_device("synaptics-vs680").model, scale=3)
    print(f"{judge.space.size():,} picks, {given.finished} finished")
    for kind in given.samplers:
        study, rng, taken_s = finished(judge, given.finished), random.Random(1), []
        make = sampler_maker(kind, judge, num_startup=10)
        for turn in range(given.asks + 1):  # the first one reads all that was finished
            study.sampler = make(turn)
            began_s = time.process_time()
            trial = study.ask()
            pick = judge.space.pick(lambda choice, of=trial: suggest(of, choice))
            taken_s.append(time.process_time() - began_s)
            found = judge.look(pick)
            if isinstance(found, Candidate):
                told = readings(found, rng)
                trial.set_user_attr("readings", json.dumps(told))
                study.tell(trial, [told[-1][2], found.latency_ms])
            else:
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        low, middle, high = np.percentile(taken_s[1:], (25, 50, 75))
        print(f"{kind}: {middle:.3f} s ({low:.3f}..{high:.3f}), the first {taken_s[0]:.3f} s")


if __name__ == "__main__":
    main()
