"""What early stopping is worth, and how it should be set: replays on the table.

    python benchmarks/early_stopping.py [--sampler auto] [--seeds 40] [--count 200] [--table FILE]
        [--workers N]

Compares, at equal training steps, no stopping, stopping of the lower half by score at each rung (as
asynchronous successive halving does) and what the search does: a network goes on while what may be
hoped for, by the learning curves of those that ended, is the best score or one of the front. `hope`
is in standard deviations above what is expected. Means over seeds; `chosen` is the true score of
the network that measured best, as a share of the best in the table, `hv` the hypervolume of the
true front of the networks that trained to the end.
"""

import argparse
import statistics
import sys
from functools import partial
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import optuna
import pandas as pd

sys.path.insert(0, str(Path(__file__).parent / "table"))
from make import READINGS
from replay import STEPS, Replay, Stopping, Table, chosen, replay, stop_by_rule, table_of

from nas.search.candidates import Candidate
from nas.search.config import SAMPLERS, SearchConfig, count_cores
from nas.search.effort import SEARCH
from nas.search.gain import log_score
from nas.search.ledger import Ledger
from nas.search.stopping import HOPE
from nas.search.tasks import Measured

DEVICE = "synaptics-vs680"
BUDGETS = (6_000, 12_000, 24_000, 48_000)
GRACE = 8  # networks at a rung before their median says anything
Policy = tuple[Stopping, tuple[int, ...]]


def upper_half(ledger: Ledger, number: int, candidate: Candidate, measured: Measured) -> bool:
    """Whether the score is in the upper half of what was seen at this rung."""
    rung = len(measured.readings) - 1
    seen = [each for each in ledger.others(number) if len(each.readings) > rung]
    if len(seen) < GRACE:
        return True
    psnr_db = np.array([each.readings[rung][2] for each in seen])
    worths = log_score(psnr_db, np.array([each.latency_ms for each in seen]))
    mine = log_score(np.array(measured.psnr_int8_db), np.array(candidate.latency_ms))
    return float(mine) >= statistics.median(worths)


def policies() -> dict[str, Policy]:
    """What is compared, by name."""
    found: dict[str, Policy] = {
        "no stopping": (lambda *_: True, (STEPS,)),
        "upper half, 100, 300": (upper_half, SEARCH.rungs),
    }
    for hope in (0.5, HOPE, 1.5, 2.0):
        found[f"hope {hope:g}, 100, 300"] = (partial(stop_by_rule, hope=hope), SEARCH.rungs)
    for rungs in ((300,), (50, 200, 500), (100, 200, 500), (50, 100, 200, 300, 500)):
        name = f"hope {HOPE:g}, {', '.join(map(str, rungs))}"
        found[name] = (partial(stop_by_rule, hope=HOPE), (*rungs, STEPS))
    return found


def one(job: tuple[Path, str, str, int, int]) -> Replay:
    """A replay, in a worker."""
    file, sampler, name, seed, count = job
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    stopping, rungs = policies()[name]
    config = SearchConfig(budget=count, sampler=sampler, seed=seed)
    return replay(table_of(file, DEVICE), None, config, rungs=rungs, stopping=stopping)


def figures(table: Table, found: list[Replay]) -> dict[str, float]:
    """One row."""
    row: dict[str, float] = {}
    for budget in BUDGETS:
        tried = [each.within(steps=budget) for each in found]
        ended = [[t.digest for t in each if t.measured.steps == STEPS] for each in tried]
        row[f"chosen, {budget // 1000}k"] = statistics.mean(table.share(chosen(t)) for t in tried)
        row[f"hv, {budget // 1000}k"] = statistics.mean(map(table.hypervolume, ended))
    row["chosen"] = statistics.mean(table.share(chosen(each.tried)) for each in found)
    row["1000 steps"] = statistics.mean(each.tried[-1].steps / 1000 for each in found)
    row["readings"] = statistics.mean(
        sum(len(t.measured.readings) for t in each.tried) for each in found
    )
    return row


def main() -> None:
    """Prints a line a policy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sampler", default="auto", choices=SAMPLERS)
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--table", type=Path, default=READINGS)
    parser.add_argument("--workers", type=int, default=count_cores())
    given = parser.parse_args()
    table, rows = table_of(given.table, DEVICE), {}
    with Pool(given.workers) as pool:
        for name in policies():
            jobs = [
                (given.table, given.sampler, name, seed, given.count) for seed in range(given.seeds)
            ]
            rows[name] = figures(table, pool.map(one, jobs, chunksize=1))
    print(f"{len(table.candidates)} networks, {given.sampler}, {given.seeds} seeds")
    print(pd.DataFrame(rows).T.round(3).to_string())


if __name__ == "__main__":
    main()
