"""Proposals: networks that nobody has evaluated, one after the other, whatever the sampler says.

Each trial's sampler is seeded with the run's seed and the trial's number, so a run with one
worker repeats exactly, also where it was killed and resumed between two trials.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import optuna
from optuna.study import Study
from optuna.trial import TrialState

from nas.search.candidates import Candidate, Judge, Refusal
from nas.search.config import SearchConfig
from nas.search.ledger import Ledger
from nas.search.samplers import make_sampler, parameters_of, suggest
from nas.search.study import announce, refuse
from nas.space import Pick

__all__ = ["Proposal", "Proposer"]

_PATIENCE = 5  # useless proposals of the sampler in a row, before we propose ourselves
_SAMPLES = 1000  # random picks to try for an unseen network
_LISTED = 50_000  # spaces up to this size are searched to the last pick
_LOCAL_EVERY = 3  # `auto` proposes a neighbour of a good network this often
_ELITE = 5


@dataclass(frozen=True, slots=True)
class Proposal:
    """A trial that is running and the network it stands for."""

    trial: optuna.Trial
    candidate: Candidate


class Proposer:
    """Asks the study; refuses what is illegal, too slow or known; never stalls."""

    def __init__(self, study: Study, judge: Judge, ledger: Ledger, config: SearchConfig) -> None:
        self._study = study
        self._judge = judge
        self._ledger = ledger
        self._config = config
        self._known = self._known_first()
        self._num_startup = len(self._known) + max(4, min(10, config.budget // 10))

    def enqueue_known(self) -> None:
        """Queues the published networks of the space; calling it again changes nothing."""
        for pick in self._known:
            self._enqueue(pick)

    def left_over(self) -> Iterator[Proposal]:
        """Trials that were running when the run was killed; useless ones are refused."""
        running = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        for frozen in running:
            trial = optuna.trial.Trial(self._study, frozen._trial_id)
            proposal = self._read(trial)
            if proposal is not None:
                yield proposal

    def propose(self) -> Proposal | None:
        """The next network, or None where the space has no more."""
        misses = 0
        while True:
            waiting = self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
            if not waiting:
                if misses and misses % _PATIENCE == 0 and not self._enqueue_unseen():
                    return None
                if not misses and self._config.sampler == "auto" and self._ledger.num_finished:
                    self._enqueue_local()
            proposal = self._read(self._study.ask())
            if proposal is not None:
                return proposal
            misses += 1

    def _read(self, trial: optuna.Trial) -> Proposal | None:
        self._study.sampler = make_sampler(
            self._config.sampler,
            seed=(self._config.seed * 1_000_003 + trial.number) % 2**32,  # what numpy takes
            num_startup=self._num_startup,
        )
        pick = self._judge.space.pick(lambda choice: suggest(trial, choice))
        found = self._judge.look(pick)
        if isinstance(found, Candidate) and (known := self._ledger.number_of(found.digest)) >= 0:
            reason = f"duplicate of {known}"
            found = Refusal(reason, "duplicate", digest=found.digest, network=found.network)
        if isinstance(found, Refusal):
            refuse(self._study, trial, found)
            return None
        announce(trial, found)
        self._ledger.start(trial.number, found)
        return Proposal(trial, found)

    def _known_first(self) -> list[Pick]:
        """Published networks of the space, distinct, in their order; at most half the budget."""
        distinct: dict[str, Pick] = {}
        for decisions in self._judge.space.known.values():
            pick = self._judge.space.check(decisions)
            found = self._judge.look(pick)
            if isinstance(found, Candidate):
                distinct.setdefault(found.digest, pick)
        return list(distinct.values())[: max(1, self._config.budget // 2)]

    def _enqueue_local(self) -> None:
        """Now and then a neighbour of a network with a high score.

        TPE spreads over the whole front; the run's winner is the best by score.
        """
        rng = self._rng("local")
        elite = self._ledger.best_picks(_ELITE)
        if elite and rng.randrange(_LOCAL_EVERY) == 0:
            near = list(self._judge.space.neighbours(rng.choice(elite)))
            rng.shuffle(near)
            self._enqueue_first_unseen(near)

    def _enqueue_unseen(self) -> bool:
        """Any network that nobody has seen, at random; False where there is none left."""
        rng = self._rng("unseen")
        space = self._judge.space
        if self._enqueue_first_unseen(space.sample(rng) for _ in range(_SAMPLES)):
            return True
        return space.size() <= _LISTED and self._enqueue_first_unseen(space.picks())

    def _enqueue_first_unseen(self, picks: Iterator[Pick] | list[Pick]) -> bool:
        unseen = (
            pick
            for pick in picks
            if isinstance(found := self._judge.look(pick), Candidate)
            and self._ledger.number_of(found.digest) < 0
        )
        for pick in islice(unseen, 1):
            self._enqueue(pick)
            return True
        return False

    def _enqueue(self, pick: Pick) -> None:
        parameters = parameters_of(self._judge.space.choices, pick)
        self._study.enqueue_trial(parameters, skip_if_exists=True)

    def _rng(self, purpose: str) -> random.Random:
        num_trials = len(self._study.get_trials(deepcopy=False))
        return random.Random(f"{self._config.seed}/{num_trials}/{purpose}")
