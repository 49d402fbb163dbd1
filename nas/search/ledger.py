"""What the run knows so far, in memory: which networks were seen, and how good they were."""

from dataclasses import dataclass

from nas.search.candidates import Candidate
from nas.search.stopping import Curve
from nas.search.tasks import Measured

__all__ = ["Finished", "Ledger"]


@dataclass(frozen=True, slots=True)
class Finished:
    """A network that was evaluated."""

    number: int
    candidate: Candidate
    measured: Measured
    score: float
    is_reused: bool = False  # an earlier run measured it
    lacking_db: float = 0.0  # to the least PSNR that is demanded

    @property
    def name(self) -> str:
        return self.candidate.zoo or self.candidate.digest

    @property
    def rank(self) -> tuple[float, float, float, int]:
        """The best of those that trained the longest and are good enough comes first."""
        return (-self.measured.steps, self.lacking_db, -self.score, self.number)


class Ledger:
    """Every network that was started, by digest."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._num_own = self._num_ranked = 0
        self._curves: dict[int, Curve] = {}  # by trial
        self._best: Finished | None = None

    @property
    def num_finished(self) -> int:
        """Of this run's budget."""
        return self._num_own

    @property
    def num_ranked(self) -> int:
        """With those that an earlier run measured."""
        return self._num_ranked

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
        """Notes what a network measured, which may train on."""
        if measured.readings:
            self._curves[number] = Curve(measured.readings, candidate.latency_ms)

    def finish(self, finished: Finished) -> None:
        self._numbers[finished.candidate.digest] = finished.number
        self._num_own += not finished.is_reused
        self._num_ranked += 1
        if self._best is None or finished.rank < self._best.rank:
            self._best = finished
        self.reach(finished.number, finished.candidate, finished.measured)

    def best(self) -> Finished | None:
        """The highest score of those that were trained to the last rung."""
        return self._best

    def others(self, number: int) -> list[Curve]:
        """What all trials but `number` measured, those that still train among them."""
        return [curve for other, curve in self._curves.items() if other != number]
