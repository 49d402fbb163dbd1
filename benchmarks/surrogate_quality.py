"""Whether the sampler's intervals hold what they promise, on the networks of the table.

    python benchmarks/surrogate_quality.py [--seeds 100] [--table FILE] [--workers N]

After 20, 60 and 150 networks it guesses all others of the table and compares with what they
measured: share within its 80 % intervals, mean miss, Kendall's tau. `random` has seen random
networks, trained to the end; `search` those that a search with this sampler and early stopping
chose.
"""

import argparse
import random
import statistics
import sys
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
from scipy.stats import kendalltau
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parent / "table"))
from make import READINGS
from replay import STEPS, Table, replay, table_of

from nas.search.auto import Memory
from nas.search.config import SearchConfig, count_cores
from nas.search.expected import expected_end
from nas.search.surrogate import Seen, Surrogate, shared_decisions

DEVICE = "synaptics-vs680"
COUNTS = (20, 60, 150)
HALF_WIDTH = 1.2816  # standard deviations of an interval of 80 %
Readings = dict[str, list[tuple[int, float, float]]]


def seen(table: Table, digests: list[str]) -> Seen:
    """As the sampler sees networks."""
    memory = Memory(table.judge)
    rows = [memory.row(table.candidates[digest].pick) for digest in digests]
    kept = [row for row in rows if row is not None]
    return Seen(
        np.array([row.candidate.traits for row in kept]), np.array([row.decisions for row in kept])
    )


def guess(table: Table, known: Readings, lot: random.Random) -> tuple[float, float, float]:
    """Share within the intervals, mean miss in dB and tau, of all networks but the known."""
    others = [digest for digest in table.candidates if digest not in known]
    before = seen(table, list(known))
    psnr_db, extra = expected_end(list(known.values()), shared_decisions(before, before) ** 2)
    surrogate = Surrogate(before, psnr_db, extra)
    mean_db, spread_db = surrogate.predict(seen(table, others))
    measured_db = np.array([lot.choice(table.readings[d])[STEPS][1] for d in others])
    missed_db = np.abs(measured_db - mean_db)
    held = float((missed_db < HALF_WIDTH * spread_db).mean())
    return held, float(np.median(missed_db)), float(kendalltau(mean_db, measured_db).statistic)


def one(job: tuple[Path, int]) -> list[tuple[str, int, float, float, float]]:
    """Both ways of choosing, in a worker."""
    file, seed = job
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    table, lot, found = table_of(file, DEVICE), random.Random(seed), []
    order = list(table.candidates)
    lot.shuffle(order)
    drawn: Readings = {}
    for digest in order:
        reading = lot.choice(table.readings[digest])[STEPS]
        drawn[digest] = [(STEPS, *reading)]
    searched = replay(table, None, SearchConfig(budget=max(COUNTS), seed=seed))
    chosen: Readings = {each.digest: list(each.measured.readings) for each in searched.tried}
    with threadpool_limits(1):
        for how, known in (("random", drawn), ("search", chosen)):
            for count in COUNTS:
                first = dict(list(known.items())[:count])
                found.append((how, count, *guess(table, first, lot)))
    return found


def main() -> None:
    """Prints medians over seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--table", type=Path, default=READINGS)
    parser.add_argument("--workers", type=int, default=count_cores())
    given = parser.parse_args()
    with Pool(given.workers) as pool:
        found = pool.map(one, [(given.table, seed) for seed in range(given.seeds)], chunksize=1)
    names = ["seen", "networks", "within 80 %", "median miss, dB", "tau"]
    rows = pd.DataFrame([row for rows in found for row in rows], columns=names)
    print(f"{len(table_of(given.table, DEVICE).candidates)} networks, {given.seeds} seeds; medians")
    print(rows.groupby(names[:2]).agg(statistics.median).round(3).to_string())


if __name__ == "__main__":
    main()
