"""What the run knows so far, in memory: which networks were seen, and how good they were."""

from dataclasses import dataclass

from nas.search.candidates import Candidate
from nas.search.stopping import Rival
from nas.search.tasks import Measured
from nas.space import Pick

__all__ = ["Finished", "Ledger"]


@dataclass(frozen=True, slots=True)
class Finished:
    """A network that was evaluated."""

    number: int
    candidate: Candidate
    measured: Measured
    score: float

    @property
    def name(self) -> str:
        return self.candidate.zoo or self.candidate.digest


class Ledger:
    """Every network that was started, by digest."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._finished: list[Finished] = []
        self._rungs: list[dict[int, Rival]] = []  # by trial, what it reached
        self._most_steps = 0
        self._best: Finished | None = None

    @property
    def num_finished(self) -> int:
        return len(self._finished)

    def number_of(self, digest: str) -> int:
        """The trial that has this network, or -1."""
        return self._numbers.get(digest, -1)

    def start(self, number: int, digest: str) -> None:
        """Of two claims of one network the lower number has it."""
        self._numbers[digest] = min(number, self._numbers.get(digest, number))

    def drop(self, number: int, digest: str) -> None:
        """The network of a trial that came to nothing may be proposed again."""
        if self._numbers.get(digest) == number:
            del self._numbers[digest]

    def reach(self, number: int, candidate: Candidate, measured: Measured) -> None:
        """Notes all rungs of a network, which may train on."""
        for rung, (_, _, psnr_db) in enumerate(measured.readings):
            if rung == len(self._rungs):
                self._rungs.append({})
            self._rungs[rung][number] = Rival(psnr_db, candidate.latency_ms)

    def finish(self, finished: Finished) -> None:
        self._numbers[finished.candidate.digest] = finished.number
        self._finished.append(finished)
        best = self._best
        if not best or (-finished.measured.steps, -finished.score, finished.number) < (
            -best.measured.steps,
            -best.score,
            best.number,
        ):
            self._best = finished
        self._most_steps = max(self._most_steps, finished.measured.steps)
        self.reach(finished.number, finished.candidate, finished.measured)

    def best(self) -> Finished | None:
        """The highest score of those that were trained to the last rung."""
        return self._best

    def best_picks(self, count: int) -> list[Pick]:
        """Picks of the highest scores, best first."""
        ranked = sorted(self._full(), key=lambda f: (-f.score, f.number))
        return [finished.candidate.pick for finished in ranked[:count]]

    def rivals(self, number: int, rung: int) -> list[Rival]:
        """What all trials but `number` reached at a rung, those that still train among them."""
        if rung >= len(self._rungs):
            return []
        return [rival for other, rival in self._rungs[rung].items() if other != number]

    def _full(self) -> list[Finished]:
        return [f for f in self._finished if f.measured.steps == self._most_steps]
