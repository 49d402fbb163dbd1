"""The same networks on 1, 2 and 4 Dask workers and on processes: how many an hour, and the same?

    python benchmarks/workers.py [--networks 20] [--steps 300] [--json]

A fixed list of networks trains from rung to rung up to some steps, none is stopped, and nothing is
in the cache. Starting the workers and one network on each come before and are not in the rate; from
one to several workers the rate should grow as the cores do. Ends with exit code 1 where two kinds
of workers read another PSNR of a network.
"""

import argparse
import json
import os
import platform
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice

from nas.latency.devices import load_device
from nas.search.candidates import Candidate, Judge
from nas.search.config import SearchConfig, count_cores
from nas.search.crew import Crew
from nas.search.effort import SEARCH
from nas.search.executors import open_executor
from nas.search.images import load_images
from nas.search.run import BENCH
from nas.search.tasks import Advance, PsnrReading, Reached, Setup
from nas.space import load_space

CONFIG = SearchConfig(max_latency_ms=40)  # so that none takes much longer than the others
DASK = ("local:1", "local:2", "local:4")
WARM_UP = 4  # networks of the list: as many as there are workers at most
Readings = dict[int, tuple[PsnrReading, ...]]


@dataclass(frozen=True)
class Rate:
    """What one kind of workers did.

    Args:
        workers: As `--cluster` takes it, or how many processes.
        warm_up_s: Until each worker had measured a network.
        wall_s: Of all networks after that.
        per_hour: Networks.
    """

    workers: str
    warm_up_s: float
    wall_s: float
    per_hour: float


def networks() -> Iterator[str]:
    """Text forms of distinct networks of the space, the same in each run of this benchmark."""
    space = load_space(CONFIG.space)
    judge = Judge(
        space,
        load_device(CONFIG.device).model,
        scale=CONFIG.scale,
        limits=CONFIG.limits,
    )
    rng = random.Random(0)
    seen = set()
    while True:
        found = judge.look(space.sample(rng))
        if isinstance(found, Candidate) and found.digest not in seen:
            seen.add(found.digest)
            yield found.network


def train(crew: Crew, texts: list[str], num_rungs: int) -> Readings:
    """All networks, with every worker busy as long as one waits."""
    waiting = [Advance(number, text) for number, text in enumerate(texts)][::-1]
    readings: Readings = dict.fromkeys(range(len(texts)), ())
    for _ in range(len(texts) * num_rungs):
        while waiting and crew.num_idle:
            crew.submit(waiting.pop())
        task, answer = crew.wait()
        if not isinstance(task, Advance) or not isinstance(answer.value, Reached):
            raise SystemExit(f"network {task.number} failed: {answer.error}")
        readings[task.number] += (answer.value.reading,)
        if task.rung + 1 < num_rungs:
            crew.submit(Advance(task.number, task.network, task.rung + 1, answer.value.state))
    return readings


def measure(workers: str, setup: Setup, texts: list[str], num_rungs: int) -> tuple[Rate, Readings]:
    """One kind of workers, with a cache of its own."""
    cluster = workers if workers in DASK else None
    with tempfile.TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache
        began_s = time.perf_counter()
        executor = open_executor(cluster, setup, workers=count_cores())
        with Crew(executor) as crew:
            train(crew, texts[: executor.num_slots], 1)  # one on each
            warm_s = time.perf_counter()
            readings = train(crew, texts[WARM_UP:], num_rungs)
            ended_s = time.perf_counter()
    wall_s = ended_s - warm_s
    return Rate(workers, warm_s - began_s, wall_s, 3600 * len(readings) / wall_s), readings


def main() -> None:
    """Prints a line for each kind of workers, then whether all read the same."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=20)
    parser.add_argument("--steps", type=int, choices=SEARCH.rungs, default=SEARCH.rungs[1])
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    num_rungs = SEARCH.rungs.index(given.steps) + 1
    setup = Setup(BENCH, load_images(CONFIG, lambda line: None), CONFIG.scale, CONFIG.seed)
    texts = list(islice(networks(), WARM_UP + given.networks))
    rates, found = [], []
    for workers in (*DASK, f"{count_cores()} processes"):
        rate, readings = measure(workers, setup, texts, num_rungs)
        rates.append(rate)
        found.append(readings)
        if not given.json:
            ratio = rate.per_hour / rates[0].per_hour
            print(
                f"{workers:>11}: {rate.per_hour:6.0f} networks an hour, {ratio:.2f} times one "
                f"worker; {rate.wall_s:.0f} s after {rate.warm_up_s:.0f} s of warm-up",
                flush=True,
            )
    is_same = all(readings == found[0] for readings in found)
    if given.json:
        machine = {"cores": count_cores(), "python": platform.python_version()}
        told = {"rates": [asdict(rate) for rate in rates], "is_same": is_same}
        print(json.dumps({**told, "networks": given.networks, "machine": machine}, indent=2))
    else:
        print(f"readings are {'equal' if is_same else 'NOT equal'}, to the last bit")
    sys.exit(not is_same)


if __name__ == "__main__":
    main()
