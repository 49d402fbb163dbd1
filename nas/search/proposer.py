"""Proposals: networks that nobody has evaluated, one after the other, whatever the sampler says.

Each proposal's sampler is seeded with the run's seed and the number of trials before it, so a run
with one worker repeats exactly, also where it was killed and resumed between two trials.
"""

import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, Trial

from nas.search.candidates import Candidate, Judge, Refusal
from nas.search.config import SearchConfig
from nas.search.ledger import Ledger
from nas.search.mirror import Mirror
from nas.search.parameters import parameters_of, suggest
from nas.search.samplers import sampler_maker
from nas.space import Pick

__all__ = ["Proposal", "Proposer"]

_PATIENCE = 5  # useless proposals of the sampler in a row, before we propose ourselves
_SAMPLES = 1000  # random picks to try for an unseen network
_LISTED = 50_000  # spaces up to this size are searched to the last pick


@dataclass(frozen=True, slots=True)
class Proposal:
    """A pick, and what the judge says of it.

    Args:
        asked: The trial that samplers see of it.
        frozen: Its parameters.
        found: A network worth training, or why not to train it.
    """

    asked: Trial
    frozen: FrozenTrial
    found: Candidate | Refusal


class Proposer:
    """Proposes; never stalls. What is illegal, too slow or known comes as a refusal."""

    def __init__(
        self,
        judge: Judge,
        ledger: Ledger,
        config: SearchConfig,
        make: Callable[[int], BaseSampler] | None = None,
    ) -> None:
        self._judge = judge
        self._ledger = ledger
        self._config = config
        self._queue = deque(self._known_first())
        num_startup = len(self._queue) + max(4, min(10, config.budget // 10))
        self.mirror = Mirror(make or sampler_maker(config.sampler, judge, num_startup=num_startup))
        self._misses = 0

    def propose(self, num_trials: int) -> Proposal | None:
        """The next one, or None where the space has no more.

        Args:
            num_trials: Of the study so far.
        """
        while self._queue and self._is_known(self._queue[0]):
            self._queue.popleft()
        if not self._queue and not self._go_elsewhere(num_trials):
            return None
        parameters = None
        if self._queue:
            parameters = parameters_of(self._judge.space.choices, self._queue.popleft())
        asked = self.mirror.ask(parameters, seed=self._seed(num_trials))
        pick = self._judge.space.pick(lambda choice: suggest(asked, choice))
        found = self._judge.look(pick)
        if isinstance(found, Candidate) and (known := self._ledger.number_of(found.digest)) >= 0:
            reason = f"duplicate of {known}"
            found = Refusal(reason, "duplicate", digest=found.digest, network=found.network)
        self._misses = self._misses + 1 if isinstance(found, Refusal) else 0
        return Proposal(asked, self.mirror.frozen(asked), found)

    def _go_elsewhere(self, num_trials: int) -> bool:
        """Queues what the sampler does not think of; False where nothing is left to propose."""
        if self._misses and self._misses % _PATIENCE == 0:
            return self._enqueue_unseen(self._rng("unseen", num_trials))
        return True

    def _known_first(self) -> list[Pick]:
        """Published networks of the space, distinct, in their order; at most half the budget."""
        distinct: dict[str, Pick] = {}
        for decisions in self._judge.space.known.values():
            pick = self._judge.space.check(decisions)
            found = self._judge.look(pick)
            if isinstance(found, Candidate):
                distinct.setdefault(found.digest, pick)
        return list(distinct.values())[: max(1, self._config.budget // 2)]

    def _enqueue_unseen(self, rng: random.Random) -> bool:
        """Any network that nobody has seen, at random; False where there is none left."""
        space = self._judge.space
        if self._enqueue_first_unseen(space.sample(rng) for _ in range(_SAMPLES)):
            return True
        return space.size() <= _LISTED and self._enqueue_first_unseen(space.picks())

    def _enqueue_first_unseen(self, picks: Iterator[Pick] | list[Pick]) -> bool:
        unseen = (
            pick
            for pick in picks
            if isinstance(self._judge.look(pick), Candidate) and not self._is_known(pick)
        )
        found = list(islice(unseen, 1))
        self._queue.extend(found)
        return bool(found)

    def _is_known(self, pick: Pick) -> bool:
        return self._ledger.number_of(self._judge.look(pick).digest) >= 0

    def _seed(self, num_trials: int) -> int:
        return (self._config.seed * 1_000_003 + num_trials) % 2**32  # what numpy takes

    def _rng(self, purpose: str, num_trials: int) -> random.Random:
        return random.Random(f"{self._config.seed}/{num_trials}/{purpose}")
