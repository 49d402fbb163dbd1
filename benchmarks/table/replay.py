"""A search on the table: the real proposer, ledger and early stopping; only training is looked up.

Each network's reading is that of one of the seeds that all networks have, by lot; its true score is
of the mean of all its seeds at the end of training.
"""

import json
import math
import random
import statistics
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pandas as pd
from make import SEEDS_OF_ALL
from optuna.samplers import BaseSampler
from optuna.trial import TrialState, create_trial
from space import space

from nas.latency.devices import load_device
from nas.search.candidates import Candidate, Judge, Refusal
from nas.search.config import SearchConfig
from nas.search.effort import SEARCH
from nas.search.ledger import Finished, Ledger
from nas.search.parameters import distributions_of, parameters_of
from nas.search.proposer import Proposal, Proposer
from nas.search.stopping import HOPE, Curve, goes_on
from nas.search.tasks import Measured
from nas.space import Option

STEPS = SEARCH.rungs[-1]
CHOICES = {"chosen": 1, "best of three": 3}  # how many of those that measured best are looked at

Maker = Callable[[int], BaseSampler]
Stopping = Callable[[Ledger, int, Candidate, Measured], bool]
"""Whether a network trains on after what it measured."""


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
    """What training gave, by digest and seed, on one device.

    Args:
        file: Rows as `make.py` writes them.
        device: Whose times count.
    """

    def __init__(self, file: Path, device: str) -> None:
        rows = pd.read_csv(file)
        rows = rows[rows["length"] == STEPS]
        self.readings: dict[str, list[dict[int, tuple[float, float]]]] = {}
        of_all = rows[rows["seed"].isin(SEEDS_OF_ALL)]
        for (digest, _), group in of_all.groupby(["digest", "seed"]):
            found = zip(group["steps"], group["psnr_float_db"], group["psnr_int8_db"], strict=True)
            self.readings.setdefault(digest, []).append({s: (f, q) for s, f, q in found})
        ends = rows[rows["steps"] == STEPS].groupby("digest")["psnr_int8_db"].mean()
        self.judge = Known(self.readings, device)
        looks = {found.digest: found for found in map(self.judge.look, space.picks())}
        self.candidates = {d: c for d, c in looks.items() if isinstance(c, Candidate)}
        self.true_db = {digest: float(ends[digest]) for digest in self.candidates}
        self.best = max(map(self.worth, self.candidates))

    def worth(self, digest: str, psnr_db: float | None = None) -> float:
        """Logarithm of the score, to base 2: the true one, or that of a PSNR."""
        reached_db = self.true_db[digest] if psnr_db is None else psnr_db
        return 2 * reached_db - math.log2(self.candidates[digest].latency_ms)

    def share(self, digests: Collection[str]) -> float:
        """Of the best true score in the table, that of the best of these."""
        return max((2 ** (self.worth(d) - self.best) for d in digests), default=0.0)

    def hypervolume(self, digests: Collection[str]) -> float:
        """Dominated area in dB times log ms, from the median PSNR and the longest time on."""
        corner_db = statistics.median(self.true_db.values())
        longest = max(math.log(c.latency_ms) for c in self.candidates.values())
        area, level = 0.0, corner_db
        for digest in sorted(digests, key=lambda d: self.candidates[d].latency_ms):
            if (psnr_db := self.true_db[digest]) > level:
                wide = longest - math.log(self.candidates[digest].latency_ms)
                area, level = area + (psnr_db - level) * wide, psnr_db
        return area


@cache
def table_of(file: Path, device: str) -> Table:
    """Once a process."""
    return Table(file, device)


@dataclass(frozen=True)
class Tried:
    """A network that a replay finished.

    Args:
        digest: Of its graph.
        measured: What was read, until it was stopped or trained to the end.
        worth: Logarithm of its measured score, to base 2.
        steps: Spent by the whole search until then.
    """

    digest: str
    measured: Measured
    worth: float
    steps: int


@dataclass
class Replay:
    """One search: networks in the order in which they finished."""

    tried: list[Tried] = field(default_factory=list)
    num_proposed: int = 0
    ask_s: list[float] = field(default_factory=list)

    def within(self, *, steps: float = math.inf, count: int | None = None) -> "list[Tried]":
        """What was finished in so many training steps, or as so many networks."""
        return [each for each in self.tried[:count] if each.steps <= steps]


def chosen(tried: list[Tried], count: int = 1) -> list[str]:
    """Those with the best measured scores of the networks that trained to the end, best first."""
    full = [each for each in tried if each.measured.steps == STEPS]
    return [each.digest for each in sorted(full, key=lambda each: -each.worth)[:count]]


def stop_by_rule(
    ledger: Ledger, number: int, candidate: Candidate, measured: Measured, *, hope: float = HOPE
) -> bool:
    """As the loop of the search decides, or with more or less hope."""
    mine = Curve(measured.readings, candidate.latency_ms)
    return goes_on(mine, ledger.others(number), hope=hope)


def replay(
    table: Table,
    make: Maker | None,
    config: SearchConfig,
    *,
    rungs: tuple[int, ...] = SEARCH.rungs,
    stopping: Stopping | None = None,
    reused: Sequence[Tried] = (),
) -> Replay:
    """One search of `config.budget` networks, by the sampler of `config` unless one is given.

    Args:
        table: On the device that is searched for.
        make: A sampler from a seed.
        config: Budget, sampler and seed.
        rungs: Where training may stop.
        stopping: Whether a network goes on; by default as the search decides.
        reused: What an earlier search measured, on another device.
    """
    ledger, found, decide = Ledger(), Replay(), stopping or stop_by_rule
    proposer = Proposer(table.judge, ledger, config, make)
    for each in reused:
        _adopt(table, proposer, ledger, found, each)
    lot, spent = random.Random(config.seed), 0
    while len(found.tried) < config.budget:
        began_s = time.perf_counter()
        proposal = proposer.propose(found.num_proposed)
        found.ask_s.append(time.perf_counter() - began_s)
        if proposal is None:
            break
        number, found.num_proposed = found.num_proposed, found.num_proposed + 1
        candidate = proposal.found
        if not isinstance(candidate, Candidate):
            _tell(proposer, proposal, None)
            continue
        ledger.start(number, candidate.digest)
        readings, measured = lot.choice(table.readings[candidate.digest]), Measured()
        for steps in rungs:
            measured = Measured((*measured.readings, (steps, *readings[steps])))
            ledger.reach(number, candidate, measured)
            if steps < rungs[-1] and not decide(ledger, number, candidate, measured):
                break
        worth = table.worth(candidate.digest, measured.psnr_int8_db)
        ledger.finish(Finished(number, candidate, measured, 2.0**worth))
        _tell(proposer, proposal, measured)
        spent += measured.steps
        found.tried.append(Tried(candidate.digest, measured, worth, spent))
    return found


def _adopt(table: Table, proposer: Proposer, ledger: Ledger, found: Replay, each: Tried) -> None:
    """As a search with `--reuse` begins."""
    candidate = table.candidates[each.digest]
    psnr_db, choices = each.measured.psnr_int8_db, space.choices
    number, found.num_proposed = found.num_proposed, found.num_proposed + 1
    score = 2.0 ** table.worth(each.digest, psnr_db)
    ledger.finish(Finished(number, candidate, each.measured, score, is_reused=True))
    proposer.mirror.add(
        create_trial(
            values=[psnr_db, candidate.latency_ms],
            params=parameters_of(choices, candidate.pick),
            distributions=distributions_of(choices, candidate.pick),
            user_attrs={"readings": json.dumps(each.measured.readings)},
        )
    )


def _tell(proposer: Proposer, proposal: Proposal, measured: Measured | None) -> None:
    """As the study tells it."""
    values = attributes = None
    if measured is not None and isinstance(proposal.found, Candidate):
        values = [measured.psnr_int8_db, proposal.found.latency_ms]
        attributes = {"readings": json.dumps(measured.readings)}
    told = create_trial(
        state=TrialState.COMPLETE if values else TrialState.PRUNED,
        values=values,
        params=proposal.frozen.params,
        distributions=proposal.frozen.distributions,
        user_attrs=attributes,
    )
    proposer.mirror.tell(proposal.asked, told)
