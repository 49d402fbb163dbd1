"""How many trainings a sampler needs, replayed on the table in seconds instead of hours.

    python benchmarks/search_quality.py [--samplers auto tpe random] [--seeds 100] [--count 200]
        [--json FILE]

A replay is the real proposer with its ledger and early stopping; only training is looked up in
`benchmarks/table`. Each network's reading is that of one of its seeds, by lot; its true score is of
the mean of all its seeds at the end. Every sampler begins with the published networks of the space.
"""

import argparse
import json
import math
import random
import statistics
import sys
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
from optuna.samplers import BaseSampler, NSGAIISampler, QMCSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from nas.latency.devices import load_device
from nas.search.candidates import Candidate, Judge, Refusal
from nas.search.config import SearchConfig, count_cores
from nas.search.ledger import Finished, Ledger
from nas.search.proposer import Proposal, Proposer
from nas.search.stopping import Rival, goes_on
from nas.search.tasks import Measured
from nas.space import Option

TABLE = Path(__file__).parent / "table"
sys.path.insert(0, str(TABLE))
from space import space  # noqa: E402

RUNGS = (100, 300, 1000)
SHARES = (0.95, 0.99)
SAMPLERS = ("random", "tpe", "nsga2", "gp", "qmc", "evolution", "auto")


class Known(Judge):
    """Refuses what is not in the table, should it not be finished."""

    def __init__(self, readings: Collection[str], device: str) -> None:
        super().__init__(space, load_device(device).model, scale=3)
        self._readings = readings

    def look(self, decisions: Mapping[str, Option]) -> Candidate | Refusal:
        found = super().look(decisions)
        if isinstance(found, Candidate) and found.digest not in self._readings:
            return Refusal("not in the table", "uncovered", (1.0, 0.0), found.digest)
        return found


class Table:
    """What training gave, by digest and seed."""

    def __init__(self, file: Path, device: str) -> None:
        rows, end = pd.read_csv(file), RUNGS[-1]
        rows = rows[rows["length"] == end]
        self.readings: dict[str, list[dict[int, tuple[float, float]]]] = {}
        for (digest, _), group in rows.groupby(["digest", "seed"]):
            found = zip(group["steps"], group["psnr_float_db"], group["psnr_int8_db"], strict=True)
            self.readings.setdefault(digest, []).append({s: (f, q) for s, f, q in found})
        self.judge = Known(self.readings, device)
        self.true_db = {
            digest: statistics.mean(each[end][1] for each in seeds)
            for digest, seeds in self.readings.items()
        }
        self.latency_ms = {}
        for pick in space.picks():
            found = self.judge.look(pick)
            if isinstance(found, Candidate) and found.digest in self.readings:
                self.latency_ms[found.digest] = found.latency_ms

    def worth(self, digest: str) -> float:
        """Logarithm of the true score, to base 2."""
        return 2 * self.true_db[digest] - math.log2(self.latency_ms[digest])


@dataclass
class Replay:
    """One search: networks in the order in which they finished, with steps spent until then."""

    digests: list[str] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    num_proposed: int = 0
    ask_s: list[float] = field(default_factory=list)


class Evolution(BaseSampler):
    """Regularised evolution (Real et al. 2019): the best of a sample of the last ones mutates."""

    def __init__(self, judge: Judge, seed: int) -> None:
        from nas.search.auto import Memory

        self._memory, self._rng = Memory(judge), random.Random(seed)
        self._chosen = None

    def infer_relative_search_space(self, study, trial):  # type: ignore[no-untyped-def]
        from nas.search.parameters import distribution_of, option_of

        space_ = self._memory.judge.space
        done = [t for t in study.get_trials(deepcopy=False) if t.state == TrialState.COMPLETE][-50:]
        if len(done) < 10:
            self._chosen = space_.sample(self._rng)
        else:
            sample = self._rng.sample(done, 10)
            best = max(sample, key=lambda t: 2 * t.values[0] - math.log2(t.values[1]))
            parent = space_.pick(lambda c: option_of(c, best.params))
            self._chosen = self._rng.choice(list(space_.neighbours(parent)))
        return dict(distribution_of(c) for c in space_.choices if c.name in self._chosen)

    def sample_relative(self, study, trial, search_space):  # type: ignore[no-untyped-def]
        from nas.search.parameters import parameters_of

        return parameters_of(self._memory.judge.space.choices, self._chosen)

    def sample_independent(self, study, trial, param_name, param_distribution):  # type: ignore[no-untyped-def]
        raise AssertionError("all is decided together")


def maker(kind: str, judge: Judge, run_seed: int) -> Callable[[int], BaseSampler] | None:
    """Those that the search does not offer; None for the others."""
    if kind == "evolution":
        return lambda seed: Evolution(judge, seed)
    if kind == "nsga2":  # one object, for it holds its generation
        generations = NSGAIISampler(population_size=20, seed=run_seed)
        return lambda seed: generations
    if kind == "qmc":
        return lambda seed: QMCSampler(seed=seed, warn_independent_sampling=False)
    return None


def replay(table: Table, kind: str, seed: int, count: int, *, stops: bool = True) -> Replay:
    """One search of `count` networks."""
    ledger = Ledger()
    config = SearchConfig(
        budget=count, sampler=kind if kind in ("auto", "tpe", "gp") else "random", seed=seed
    )
    proposer = Proposer(table.judge, ledger, config, maker(kind, table.judge, seed))
    rng, found, spent = random.Random(seed), Replay(), 0
    while len(found.digests) < count:
        began_s = time.perf_counter()
        proposal = proposer.propose(found.num_proposed)
        found.ask_s.append(time.perf_counter() - began_s)
        if proposal is None:
            break
        found.num_proposed += 1
        candidate = proposal.found
        if not isinstance(candidate, Candidate):
            proposer.mirror.tell(proposal.asked, ended(proposal, TrialState.PRUNED))
            continue
        number = found.num_proposed - 1
        ledger.start(number, candidate.digest)
        measured = train(table, ledger, number, candidate, rng, stops=stops)
        worth = 2 * measured.psnr_int8_db - math.log2(candidate.latency_ms)
        ledger.finish(Finished(number, candidate, measured, 2.0**worth))
        told = ended(proposal, TrialState.COMPLETE, measured, candidate.latency_ms)
        proposer.mirror.tell(proposal.asked, told)
        spent += measured.steps
        found.digests.append(candidate.digest)
        found.steps.append(spent)
    return found


def train(
    table: Table,
    ledger: Ledger,
    number: int,
    candidate: Candidate,
    rng: random.Random,
    *,
    stops: bool,
) -> Measured:
    """Up the rungs, as the loop does."""
    readings = rng.choice(table.readings[candidate.digest])
    measured = Measured()
    for rung, steps in enumerate(RUNGS):
        measured = Measured((*measured.readings, (steps, *readings[steps])))
        ledger.reach(number, candidate, measured)
        mine = Rival(measured.psnr_int8_db, candidate.latency_ms)
        if stops and not goes_on(mine, ledger.rivals(number, rung), rung=rung):
            break
    return measured


def ended(
    proposal: Proposal, state: TrialState, measured: Measured | None = None, latency_ms: float = 0.0
) -> FrozenTrial:
    """As the study tells it."""
    attributes = {"readings": json.dumps(measured.readings)} if measured else {}
    values = [measured.psnr_int8_db, latency_ms] if measured else None
    return create_trial(
        state=state,
        values=values,
        params=proposal.frozen.params,
        distributions=proposal.frozen.distributions,
        user_attrs=attributes,
    )


def first_within(table: Table, found: Replay, share: float) -> int:
    """Networks until one has `share` of the best true score; more than all where none has."""
    best = max(map(table.worth, table.readings))
    for place, digest in enumerate(found.digests, 1):
        if table.worth(digest) >= best + math.log2(share):
            return place
    return len(table.readings) + 1


def hypervolume(table: Table, digests: list[str]) -> float:
    """True PSNR over log time, against the slowest and the median network of the table."""
    corner_db = statistics.median(table.true_db.values())
    longest = max(math.log(ms) for ms in table.latency_ms.values())
    area, level = 0.0, corner_db
    for digest in sorted(digests, key=lambda d: table.latency_ms[d]):
        if (psnr_db := table.true_db[digest]) > level:
            area += (psnr_db - level) * (longest - math.log(table.latency_ms[digest]))
            level = psnr_db
    return area


_table: Table | None = None


def _one(job: tuple[Path, str, str, int, int]) -> Replay:
    global _table  # once a process
    file, device, kind, seed, count = job
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    _table = _table or Table(file, device)
    return replay(_table, kind, seed, count)


def main() -> None:
    """Prints medians and quartiles over seeds."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samplers", nargs="+", default=SAMPLERS)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--device", default="synaptics-vs680")
    parser.add_argument("--table", type=Path, default=TABLE / "readings.csv")
    parser.add_argument("--workers", type=int, default=count_cores())
    given = parser.parse_args()
    table = Table(given.table, given.device)
    print(f"{len(table.readings)} networks, {len(table.latency_ms)} with a time")
    with Pool(given.workers) as pool:
        for kind in given.samplers:
            jobs = [
                (given.table, given.device, kind, seed, given.count) for seed in range(given.seeds)
            ]
            found = pool.map(_one, jobs, chunksize=1)
            show(table, kind, found)


def show(table: Table, kind: str, found: list[Replay]) -> None:
    """One line of a sampler."""
    best = max(map(table.worth, table.readings))
    cells = [f"{kind:10}"]
    for share in SHARES:
        firsts = [first_within(table, each, share) for each in found]
        cells.append(
            f"{share:.0%}: " + "/".join(f"{q:.0f}" for q in np.percentile(firsts, (25, 50, 75)))
        )
    for count in (20, 60, 180):
        scores = [2 ** (max(map(table.worth, each.digests[:count])) - best) for each in found]
        areas = [hypervolume(table, each.digests[:count]) for each in found]
        cells.append(f"at {count}: {np.median(scores):.3f}, hv {np.median(areas):.3f}")
    distinct = sum(len(each.digests) for each in found) / sum(each.num_proposed for each in found)
    ask_ms = 1e3 * np.mean([s for each in found for s in each.ask_s])
    steps = np.median([each.steps[-1] for each in found])
    cells += [f"distinct {distinct:.0%}", f"ask {ask_ms:.0f} ms", f"{steps / 1000:.0f}k steps"]
    print("; ".join(cells), flush=True)


if __name__ == "__main__":
    main()
