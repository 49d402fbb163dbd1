"""What a finished search is worth for another device, on the table.

    python benchmarks/retarget_quality.py [--from synaptics-vs680] [--to mali-g71-mp2 ...]
        [--seeds 100] [--count 200] [--further 40] [--table FILE] [--workers N]

Compares, by the true score on the new device: the best of the earlier search as it is (what
`nas retarget` ranks), the earlier search with some further networks (`nas search --reuse`), and a
search from nothing. `chosen` is the network that measured best, `best of three` the best of the
three that did, as they are the finalists. `steps` are training steps spent for the new device.
"""

import argparse
import sys
from multiprocessing import Pool
from pathlib import Path

import optuna
import pandas as pd

sys.path.insert(0, str(Path(__file__).parent / "table"))
from make import READINGS
from replay import CHOICES, Table, Tried, chosen, replay, table_of

from nas.latency.devices import device_names
from nas.search.config import SearchConfig, count_cores
from nas.search.retarget import worth_training

Job = tuple[Path, str, str, int, int, int]


def one(job: Job) -> dict[tuple[str, str], float]:
    """Shares of the best true score, and steps, in a worker."""
    file, before, after, seed, count, further = job
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    old, new = table_of(file, before), table_of(file, after)
    first = replay(old, None, SearchConfig(budget=count, seed=seed)).tried
    kept = adopted(new, first)
    more = replay(new, None, SearchConfig(budget=further, seed=seed), reused=kept).tried
    fresh = replay(new, None, SearchConfig(budget=count, seed=seed)).tried
    ranked = [
        Tried(t.digest, t.measured, new.worth(t.digest, t.measured.psnr_int8_db), 0) for t in kept
    ]
    ways = {"ranked only": ranked, "further": [*ranked, *more], "from nothing": fresh}
    row: dict[tuple[str, str], float] = {
        ("steps", "ranked only"): 0,
        ("steps", "further"): more[-1].steps,
        ("steps", "from nothing"): fresh[-1].steps,
    }
    for choice, leading in CHOICES.items():
        for way, tried in ways.items():
            row[choice, way] = new.share(chosen(tried, leading))
    return row


def adopted(table: Table, tried: list[Tried]) -> list[Tried]:
    """All but those that were stopped and would not be on the new device."""
    known = [each for each in tried if each.digest in table.candidates]
    readings = {number: each.measured.readings for number, each in enumerate(known)}
    times = {n: table.candidates[each.digest].latency_ms for n, each in enumerate(known)}
    again = worth_training(readings, times, None)
    return [each for number, each in enumerate(known) if number not in again]


def main() -> None:
    """Prints a line a device: medians, and in how many seeds 40 further ones are enough."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="before", default="synaptics-vs680")
    parser.add_argument("--to", nargs="+", default=["mali-g71-mp2"], choices=device_names())
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--further", type=int, default=40)
    parser.add_argument("--table", type=Path, default=READINGS)
    parser.add_argument("--workers", type=int, default=count_cores())
    given = parser.parse_args()
    with Pool(given.workers) as pool:
        for device in given.to:
            jobs = [
                (given.table, given.before, device, seed, given.count, given.further)
                for seed in range(given.seeds)
            ]
            rows = pd.DataFrame(pool.map(one, jobs, chunksize=1))
            print(f"{device}, medians of {given.seeds} seeds")
            rows.columns = pd.MultiIndex.from_tuples(rows.columns)
            print(rows.median().unstack(level=0).round(3).to_string())
            for choice in CHOICES:
                ratios = rows[choice, "further"] / rows[choice, "from nothing"]
                print(
                    f"{choice}, further / from nothing: median {ratios.median():.3f}, "
                    f">= .99 in {(ratios >= 0.99).mean():.0%}"
                )


if __name__ == "__main__":
    main()
