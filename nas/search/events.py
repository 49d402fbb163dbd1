"""What a run says while it runs; who listens decides how to show it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["Evaluated", "Progress", "Reading", "Silent", "Status", "Watcher"]


@dataclass(frozen=True, slots=True)
class Reading:
    """A network was measured at a rung.

    Args:
        trial: Its number.
        steps: It was trained for.
        psnr_float_db: Of the network.
        psnr_int8_db: Of the quantised network.
    """

    trial: int
    steps: int
    psnr_float_db: float
    psnr_int8_db: float


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A network that was finished.

    Args:
        trial: Its number.
        name: In the zoo, or the digest.
        psnr_int8_db: At the last rung it reached.
        latency_ms: Predicted.
        score: Of it.
        steps: It was trained for.
    """

    trial: int
    name: str
    psnr_int8_db: float
    latency_ms: float
    score: float
    steps: int


@dataclass(frozen=True, slots=True)
class Progress:
    """One more network was finished.

    Args:
        num_finished: So far, in all sessions of the run and by all searches that share its study.
        budget: Networks to finish.
        last: The network.
    """

    num_finished: int
    budget: int
    last: Evaluated


@dataclass(frozen=True, slots=True)
class Status:
    """How a search stands.

    Args:
        num_finished: As in `Progress`.
        budget: Networks to finish.
        num_workers: Now; on a cluster they come and go.
        at_steps: By steps that they have behind them, how many networks train; empty at the end.
        best: The highest score of all that were fully trained; None while there is none.
        per_hour: Networks that this search trained itself, to the end or to where they were
            stopped; none from the cache, none of other searches. 0 before the first.
        eta_s: Until the budget is met, at the present pace of all searches of the study and as if
            nothing came from the cache; None while that is unknown.
        num_cached: Networks that were found in the cache, in this session.
        refused: Proposals by kind of refusal, in this session.
        failed: Networks by kind of failure, in this session.
    """

    num_finished: int
    budget: int
    num_workers: int
    at_steps: Mapping[int, int]
    best: Evaluated | None = None
    per_hour: float = 0.0
    eta_s: float | None = None
    num_cached: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, int] = field(default_factory=dict)


class Watcher(Protocol):
    """Listens to a run."""

    def note(self, text: str) -> None:
        """A sentence for the person who waits."""

    def reading(self, reading: Reading) -> None:
        """A network is at a rung."""

    def progress(self, progress: Progress) -> None:
        """One more network is finished."""

    def status(self, status: Status) -> None:
        """Something moved: a network begins, trains on, or ended."""


class Silent:
    """Nobody listens."""

    def note(self, text: str) -> None: ...

    def reading(self, reading: Reading) -> None: ...

    def progress(self, progress: Progress) -> None: ...

    def status(self, status: Status) -> None: ...
