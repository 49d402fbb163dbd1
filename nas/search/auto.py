"""The sampler of this project: it knows what is known, and guesses only PSNR.

Whether a network is legal, what it takes on the device and whether it was proposed before is known
without training. So it looks at many networks at once, guesses the PSNR of each from those that
were measured, and proposes the one from which most is expected: growth of the front and of the best
score, each as a share of what is there. Small spaces are listed whole; of large ones it sees
neighbours of good networks and random draws, and climbs from the best of them.
"""

import math
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from threadpoolctl import threadpool_limits

from nas.search.candidates import Candidate, Judge
from nas.search.expected import expected_end
from nas.search.gain import front_area, front_gain, log_reach_chance, log_score, score_gain
from nas.search.parameters import distributions_of, parameters_of, pick_of
from nas.search.score import LEAST_SHARE
from nas.search.study import WHY, is_orphan, measured_of
from nas.search.surrogate import Seen, Surrogate, shared_decisions
from nas.search.tasks import PsnrReading
from nas.space import Pick

__all__ = ["AutoSampler", "Memory"]

_STARTUP = 6  # measured networks before anything is guessed
_LISTED = 2000  # picks; smaller spaces are listed whole
_DRAWS = 32  # random networks a turn
_ELITE = 6  # networks whose neighbours are looked at
_CLIMBS = 4  # times that it looks at the neighbours of the best so far
# Of a guess's spread, in what is expected of a network: among many, the one from which most is
# expected is one of which too much is. By replays of the benchmark table for four devices.
_BELIEVED = 0.5
_LEAST_AREA = 1e-3  # dB times log ms, of a front of which nothing counts yet
_MOST = 1000  # networks that are guessed from: a guess takes time by their third power
_REFIT = 1.25  # how many times more networks until weights are fitted anew

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Row:
    """A network as the surrogate sees it."""

    candidate: Candidate
    decisions: tuple[int, ...]


@dataclass(eq=False)
class Memory:
    """What stays true from turn to turn; only saves time.

    Args:
        judge: Of the space and the device.
    """

    judge: Judge
    _rows: dict[Pick, _Row | None] = field(default_factory=dict)
    _weights: dict[int, Array] = field(default_factory=dict)
    _all: list[Pick] | None = None

    def row(self, pick: Pick) -> _Row | None:
        """None for what is refused."""
        if pick not in self._rows:
            found = self.judge.look(pick)
            self._rows[pick] = self._read(found) if isinstance(found, Candidate) else None
        return self._rows[pick]

    def everything(self) -> list[Pick] | None:
        """All picks of a small space."""
        if self._all is None and self.judge.space.size() <= _LISTED:
            self._all = list(self.judge.space.picks())
        return self._all

    def weights(self, past: "_Past") -> Array:
        """Fitted to the first so many networks alone, so the same after a run was resumed."""
        count = _STARTUP
        while count * _REFIT <= len(past.rows):
            count = math.ceil(count * _REFIT)
        rows, readings = past.rows[:count], past.readings[:count]
        key = hash(tuple(map(tuple, readings)))
        if key not in self._weights:
            self._weights[key] = Surrogate(_seen(rows), *_expected(rows, readings)).weights
        return self._weights[key]

    def _read(self, candidate: Candidate) -> _Row:
        choices = self.judge.space.choices
        pick = candidate.pick
        places = (c.options.index(pick[c.name]) if c.name in pick else -1 for c in choices)
        return _Row(candidate, tuple(places))


@dataclass(frozen=True, eq=False)
class _Past:
    """What the study knows: networks with their readings, those in training, and all digests."""

    rows: list[_Row]
    readings: list[list[PsnrReading]]
    pending: list[_Row]
    digests: set[str]

    def latest(self, most: int) -> "_Past":
        """The last ones, those that were trained the longest before others."""
        by_steps = sorted(range(len(self.rows)), key=lambda i: (self.readings[i][-1][0], i))
        kept = sorted(by_steps[-most:])
        rows, readings = [self.rows[i] for i in kept], [self.readings[i] for i in kept]
        return _Past(rows, readings, self.pending, self.digests)

    @cached_property
    def expected(self) -> tuple[Array, Array]:
        """At the end of training, in dB, and its covariance."""
        return _expected(self.rows, self.readings)


class AutoSampler(BaseSampler):
    """Proposes the network from which most is expected.

    Args:
        memory: Of the run.
        seed: Of this turn.
    """

    def __init__(self, memory: Memory, *, seed: int) -> None:
        self._memory = memory
        self._random = RandomSampler(seed=seed)
        self._rng = random.Random(seed)
        self._chosen: Pick | None = None

    def reseed_rng(self) -> None:
        """As Optuna asks for between processes."""
        self._random.reseed_rng()
        self._rng.seed()

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The parameters of the network that is proposed."""
        self._chosen = None
        if len(study.directions) == 2:
            with threadpool_limits(1, user_api="blas"):  # the cores are busy with training
                self._chosen = self._choose(study, trial)
        if self._chosen is None:
            return {}
        return distributions_of(self._memory.judge.space.choices, self._chosen)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The network, or random values of a space that is not ours."""
        own = {}
        if self._chosen is not None:
            own = parameters_of(self._memory.judge.space.choices, self._chosen)
        return {
            name: own[name] if name in own else self.sample_independent(study, trial, name, d)
            for name, d in search_space.items()
        }

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Random."""
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def _choose(self, study: Study, trial: FrozenTrial) -> Pick | None:
        past = self._past(study, trial)
        known = set(past.digests)
        pool = self._new(self._picks(past), known)
        if not pool:
            return None
        if len(past.rows) < max(2, _STARTUP - len(past.pending)):
            return self._rng.choice(pool).candidate.pick
        surrogate = self._surrogate(past)
        best, why = self._best(past, surrogate, pool)
        for _ in range(0 if self._memory.everything() else _CLIMBS):
            near = self._new(self._memory.judge.space.neighbours(best.candidate.pick), known)
            before, (best, why) = best, self._best(past, surrogate, [best, *near])
            if best is before:
                break
        study._storage.set_trial_system_attr(trial._trial_id, WHY, why)
        return best.candidate.pick

    def _best(self, past: _Past, surrogate: Surrogate, pool: list[_Row]) -> tuple[_Row, str]:
        mean_db, spread_db = surrogate.predict(_seen(pool))
        gains, tell = self._gains(past, pool, mean_db, spread_db)
        place = int(np.argmax(gains))
        guess = f"guessed {mean_db[place]:.2f} ± {spread_db[place]:.2f} dB"
        return pool[place], f"{guess}, {pool[place].candidate.latency_ms:.1f} ms, {tell(place)}"

    def _surrogate(self, past: _Past) -> Surrogate:
        """Of what was measured, and of what trains now as if it came out as guessed."""
        psnr_db, extra = past.expected
        weights = self._memory.weights(past)
        surrogate = Surrogate(_seen(past.rows), psnr_db, extra, weights=weights)
        if not past.pending:
            return surrogate
        guessed_db, _ = surrogate.predict(_seen(past.pending))
        # A guess that comes true by definition says nothing of how far guesses are off.
        return Surrogate(
            _seen([*past.rows, *past.pending]),
            np.append(psnr_db, guessed_db),
            np.pad(extra, (0, len(guessed_db))),
            weights=weights,
            widen=surrogate.widen,
        )

    def _gains(
        self, past: _Past, pool: list[_Row], mean_db: Array, spread_db: Array
    ) -> tuple[Array, Callable[[int], str]]:
        """What is expected of each network of the pool, and that in words, by its place."""
        psnr_db, extra = past.expected
        latency_ms = np.array([row.candidate.latency_ms for row in past.rows])
        times_ms = np.array([row.candidate.latency_ms for row in pool])
        least_db = self._memory.judge.limits.min_psnr_db or -math.inf
        log_chances = log_reach_chance(mean_db, spread_db, least_db)
        chances = np.exp(log_chances)
        believed_db = _BELIEVED * spread_db
        enough = psnr_db >= least_db
        ended = enough & (extra.diagonal() == 0)
        if not ended.any():
            return log_chances, lambda i: f"{chances[i]:.0%} likely to reach {least_db:g} dB"
        best = float(log_score(psnr_db, latency_ms)[ended].max())
        scores = chances * score_gain(mean_db, believed_db, times_ms, best)
        worst_db = max(float(np.median(mean_db)), least_db)
        corner = (worst_db, _longest_ms(psnr_db, np.append(latency_ms, times_ms), best))
        front = _front(psnr_db[enough], latency_ms[enough])
        fronts = chances * front_gain(mean_db, believed_db, times_ms, front, corner)
        fronts /= max(front_area(front, corner), _LEAST_AREA)
        return (
            fronts + scores,
            lambda i: (
                f"expected gain {100 * fronts[i]:.2g} % of the front, "
                f"{100 * scores[i]:.2g} % of the best score"
            ),
        )

    def _past(self, study: Study, trial: FrozenTrial) -> _Past:
        past = _Past([], [], [], set())
        for other in study.get_trials(deepcopy=False):
            row = self._row_of(other.params) if other.number != trial.number else None
            if row is None or is_orphan(other):
                continue
            past.digests.add(row.candidate.digest)
            if other.state == TrialState.RUNNING:
                past.pending.append(row)
            elif other.state == TrialState.COMPLETE and math.isfinite(other.values[0]):
                past.rows.append(row)
                past.readings.append(_readings(other))
        return past.latest(_MOST)

    def _row_of(self, parameters: dict[str, Any]) -> _Row | None:
        space = self._memory.judge.space
        try:
            return self._memory.row(pick_of(space, parameters))
        except (KeyError, IndexError, TypeError):  # not of this space
            return None

    def _new(self, picks: Iterable[Pick], known: set[str]) -> list[_Row]:
        """Legal networks that are not known by their digest; now they are."""
        found = []
        for pick in picks:
            row = self._memory.row(pick)
            if row is not None and row.candidate.digest not in known:
                known.add(row.candidate.digest)
                found.append(row)
        return found

    def _picks(self, past: _Past) -> Iterator[Pick]:
        if (everything := self._memory.everything()) is not None:
            yield from everything
            return
        space = self._memory.judge.space
        for row in _elite(past):
            yield from space.neighbours(row.candidate.pick)
        for _ in range(_DRAWS):
            yield space.sample(self._rng)


def _seen(rows: list[_Row]) -> Seen:
    return Seen(
        np.array([row.candidate.traits for row in rows]), np.array([row.decisions for row in rows])
    )


def _expected(rows: list[_Row], readings: list[list[PsnrReading]]) -> tuple[Array, Array]:
    seen = _seen(rows)
    return expected_end(readings, shared_decisions(seen, seen) ** 2)


def _readings(trial: FrozenTrial) -> list[PsnrReading]:
    """One at the end, of trials that say nothing else."""
    kept = measured_of(trial.user_attrs).readings
    return list(kept) or [(1, trial.values[0], trial.values[0])]


def _front(psnr_db: Array, latency_ms: Array) -> Array:
    order = np.lexsort((-psnr_db, latency_ms))
    before = np.concatenate([[-np.inf], np.maximum.accumulate(psnr_db[order])[:-1]])
    kept = order[psnr_db[order] > before]
    return np.stack([psnr_db[kept], latency_ms[kept]], axis=1)


def _longest_ms(psnr_db: Array, latency_ms: Array, best: float) -> float:
    """Of these times, as far as a network with the best PSNR would still be a choice."""
    slow = float(log_score(psnr_db.max(), np.array(1.0))) - best - math.log(LEAST_SHARE)
    return min(float(latency_ms.max()), math.exp(min(slow, 50)))


def _elite(past: _Past) -> list[_Row]:
    """Half by score, half spread over the front."""
    if not past.rows:
        return []
    psnr_db, extra = past.expected
    latency_ms = np.array([row.candidate.latency_ms for row in past.rows])
    worth = log_score(psnr_db, latency_ms) - np.sqrt(extra.diagonal())
    by_score = list(np.argsort(-worth)[: _ELITE // 2])
    order = np.argsort(latency_ms)
    levels = np.maximum.accumulate(psnr_db[order])
    front = [i for i, level in zip(order, levels, strict=True) if psnr_db[i] == level]
    spread = [front[round(k * (len(front) - 1) / (_ELITE // 2))] for k in range(_ELITE // 2 + 1)]
    return [past.rows[i] for i in dict.fromkeys([*by_score, *spread])]
