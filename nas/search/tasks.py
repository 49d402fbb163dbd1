"""What travels between the main process and its workers: plain values only.

No class of the evaluation itself: it imports torch, which the main process does not load.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from nas.graph import Graph
from nas.search.stopping import Rival

__all__ = ["Answer", "Bench", "Evaluate", "Finalise", "Measured", "Rung", "Setup", "Task"]


class Rung(Protocol):
    """A reading after some training; `nas.search.evaluation.Reading` is one."""

    @property
    def steps(self) -> int: ...
    @property
    def psnr_float_db(self) -> float: ...
    @property
    def psnr_int8_db(self) -> float: ...


class Bench(Protocol):
    """What a worker works with, made once per process by the `bench` of `Setup`."""

    def evaluate(self, graph: Graph, go_on: Callable[[Any], bool]) -> Any:
        """Trains; returns an `Evaluation` of `nas.search.evaluation`, or what looks like it."""

    def finalise(self, graph: Graph, folder: Path) -> dict[str, Any]:
        """Trains longer, converts, writes `folder`; returns figures for `result.json`."""


@dataclass(frozen=True, slots=True, eq=False)
class Setup:
    """What a worker needs before its first task.

    Args:
        bench: "module:callable", called as `bench(dataset, scale=..., seed=...)` in the worker.
        dataset: Whatever `bench` takes; pickled once a worker.
        scale: Upscaling factor.
        seed: Of the run.
    """

    bench: str
    dataset: object
    scale: int
    seed: int


@dataclass(frozen=True, slots=True)
class Evaluate:
    """Train and measure a network.

    Args:
        number: Of the trial.
        network: Text form.
        latency_ms: Predicted.
        rivals: Per rung, what others reached when this task was made.
    """

    number: int
    network: str
    latency_ms: float
    rivals: tuple[tuple[Rival, ...], ...]


@dataclass(frozen=True, slots=True)
class Finalise:
    """Train a network longer and convert it into `folder`."""

    number: int
    network: str
    folder: str


Task = Evaluate | Finalise


@dataclass(frozen=True, slots=True)
class Measured:
    """What an evaluation found; each reading is (steps, float PSNR, INT8 PSNR).

    Args:
        readings: One a rung.
        train_s: Of training.
        quantize_s: Of quantisation.
        evaluate_s: Of running the network on the crops.
        details_png: A strip of `nas.search.crops`; empty of what was measured earlier.
    """

    readings: tuple[tuple[int, float, float], ...]
    train_s: float
    quantize_s: float
    evaluate_s: float
    details_png: bytes = b""

    @property
    def steps(self) -> int:
        return self.readings[-1][0]

    @property
    def psnr_float_db(self) -> float:
        return self.readings[-1][1]

    @property
    def psnr_int8_db(self) -> float:
        return self.readings[-1][2]


@dataclass(frozen=True, slots=True)
class Answer:
    """A worker's reply: a value, or the error in one line.

    Args:
        value: `Measured` or the figures of a finalist.
        error: Why there is no value.
        errno: Of an `OSError`, such as a full disk.
        useless: The worker could not even set itself up.
    """

    value: Any = None
    error: str = ""
    errno: int = 0
    useless: bool = False
