"""What a run says while it runs; who listens decides how to show it."""

from dataclasses import dataclass
from typing import Protocol

__all__ = ["Progress", "Silent", "Watcher"]


@dataclass(frozen=True, slots=True)
class Progress:
    """A network was finished.

    Args:
        num_finished: So far, in all sessions of the run.
        budget: Networks to finish.
        name: In the zoo, or the digest.
        psnr_int8_db: At the last rung it reached.
        latency_ms: Predicted.
        score: Of it.
        steps: It was trained for.
        best_score: Of all that were fully trained.
        best_name: Who has it.
        eta_s: Until the budget is met.
    """

    num_finished: int
    budget: int
    name: str
    psnr_int8_db: float
    latency_ms: float
    score: float
    steps: int
    best_score: float
    best_name: str
    eta_s: float


class Watcher(Protocol):
    """Listens to a run."""

    def note(self, text: str) -> None:
        """A sentence for the person who waits."""

    def progress(self, progress: Progress) -> None:
        """One more network is finished."""


class Silent:
    """Nobody listens."""

    def note(self, text: str) -> None: ...

    def progress(self, progress: Progress) -> None: ...
