"""What travels between the main process and its workers: plain values only.

No class of the evaluation itself: it imports torch, which the main process does not load.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from nas.graph import Graph

__all__ = ["Advance", "Answer", "Bench", "Finalise", "Measured", "Reached", "Setup", "Task"]

PsnrReading = tuple[int, float, float]
"""Steps, float PSNR, INT8 PSNR."""


@dataclass(frozen=True, slots=True)
class Reached:
    """A candidate at a rung.

    Args:
        reading: Steps, PSNR in float, PSNR of the integer network.
        is_last: Whether there is no higher rung.
        state: To go on from, in safetensors format.
        weights: Float weights that were measured, in safetensors format.
        details_png: A strip of `nas.search.crops`.
        train_s: Of this rung.
        quantize_s: Of this rung.
        evaluate_s: Of running the network on the crops.
        is_cached: Whether it was found in the evaluation cache, for no time.
    """

    reading: PsnrReading
    is_last: bool
    state: bytes
    weights: bytes
    details_png: bytes
    train_s: float
    quantize_s: float
    evaluate_s: float
    is_cached: bool = False


class Bench(Protocol):
    """What a worker works with, made once per process by the `bench` of `Setup`."""

    @property
    def identity(self) -> str:
        """Equal where the same network, rung and state give the same; "": nothing is cached."""

    def advance(
        self, graph: Graph, rung: int, state: bytes, *, limit_s: float | None = None
    ) -> Reached:
        """Trains to a rung from the state that the one before left, empty at the first.

        Raises:
            TimeoutError: Training took longer than `limit_s`.
        """

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
        max_memory_gb: That a worker may take; None: no limit.
        hardware: On which `bench` trains.
    """

    bench: str
    dataset: object
    scale: int
    seed: int
    max_memory_gb: float | None = None
    hardware: str = "cpu"


@dataclass(frozen=True, slots=True)
class Advance:
    """Train a network to a rung and measure it.

    Args:
        number: Of the trial.
        network: Text form.
        rung: To reach, from 0.
        state: That the rung before was left in; empty at the first.
        limit_s: Of training; None: no limit.
    """

    number: int
    network: str
    rung: int = 0
    state: bytes = b""
    limit_s: float | None = None


@dataclass(frozen=True, slots=True)
class Finalise:
    """Train a network longer and convert it."""

    number: int
    network: str


Task = Advance | Finalise


@dataclass(frozen=True, slots=True)
class Measured:
    """What all rungs of a candidate found, for how many seconds; cached rungs cost none."""

    readings: tuple[PsnrReading, ...] = ()
    train_s: float = 0.0
    quantize_s: float = 0.0
    evaluate_s: float = 0.0
    num_cached: int = 0

    @property
    def steps(self) -> int:
        return self.readings[-1][0]

    @property
    def psnr_float_db(self) -> float:
        return self.readings[-1][1]

    @property
    def psnr_int8_db(self) -> float:
        return self.readings[-1][2]

    def then(self, reached: Reached) -> "Measured":
        """With one rung more."""
        return Measured(
            (*self.readings, reached.reading),
            self.train_s + reached.train_s,
            self.quantize_s + reached.quantize_s,
            self.evaluate_s + reached.evaluate_s,
            self.num_cached + reached.is_cached,
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """A worker's reply: a value, or the error in one line.

    Args:
        value: `Reached`, or figures and files of a finalist.
        error: Why there is no value.
        kind: Of the error, a key of `nas.search.failures.ADVICE`.
        errno: Of an `OSError`, such as a full disk.
        useless: The worker could not even set itself up.
    """

    value: Any = None
    error: str = ""
    kind: str = "error"
    errno: int = 0
    useless: bool = False
