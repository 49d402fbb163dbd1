"""Candidates per hour of a search on this machine, and where the time of a candidate goes.

    python benchmarks/throughput.py [--budget 12] [--workers N] [--json]

Runs a real search on the bundled data with nothing else running, in a folder that is removed
afterwards, with a cache of its own that knows no network. The share of a search that is neither
training, quantising nor evaluating is overhead: starting workers, proposing, storing, waiting at
the end.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

from nas.search.config import SearchConfig, count_cores
from nas.search.events import Progress, Silent
from nas.search.images import load_images
from nas.search.run import start


class Clock(Silent):
    """Notes when the first and the last candidate were finished."""

    def __init__(self) -> None:
        self.began_s = time.perf_counter()
        self.finished_s: list[float] = []

    def progress(self, progress: Progress) -> None:
        self.finished_s.append(time.perf_counter() - self.began_s)


def measure(budget: int, workers: int, seed: int) -> dict[str, Any]:
    """One search; seconds and shares of its candidates, finalists apart."""
    config = SearchConfig(budget=budget, workers=workers, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        load_images(config, lambda line: None)  # draws what the search then finds in the cache
        clock = Clock()
        table = start(config, name=str(Path(folder) / "run"), watch=clock).table
    wall_s = clock.finished_s[-1]
    finalists_s = time.perf_counter() - clock.began_s - wall_s
    done = table[table["state"] == "COMPLETE"]
    spent = {name: float(done[f"{name}_s"].sum()) for name in ("train", "quantize", "evaluate")}
    paid_s = wall_s * workers
    return {
        "candidates": len(done),
        "candidates_per_hour": 3600 * len(done) / wall_s,
        "first_candidate_s": clock.finished_s[0],
        "wall_s": wall_s,
        "finalists_s": finalists_s,
        "workers": workers,
        "seconds_per_candidate": {name: s / len(done) for name, s in spent.items()},
        "share": {name: s / paid_s for name, s in spent.items()}
        | {"overhead": 1 - sum(spent.values()) / paid_s},
        "seed": seed,
        "machine": {"cores": count_cores(), "python": platform.python_version()},
    }


def main() -> None:
    """Prints the measurement."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--budget", type=int, default=12)
    parser.add_argument("--workers", type=int, default=count_cores())
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = measure(given.budget, given.workers, given.seed)
    if given.json:
        print(json.dumps(found, indent=2))
        return
    print(f"{found['candidates_per_hour']:.0f} candidates per hour, {found['workers']} workers")
    for name, share in found["share"].items():
        print(f"{name:>9} {share:6.1%}")


if __name__ == "__main__":
    main()
