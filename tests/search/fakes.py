"""Benches that measure nothing: for tests of the loop, where training is tested elsewhere."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from nas.errors import NasError
from nas.graph import Graph
from nas.readers.cost import count_macs
from nas.readers.weights import random_weights
from nas.search.crops import strip_png
from nas.search.tasks import Reached
from nas.zoo import zoo_entry, zoo_names_by_digest

RUNGS = (100, 400, 1200)
XCAT = zoo_entry("XCAT").build().digest


class Steady:
    """PSNR grows with MACs and steps, the same in every process."""

    identity = ""  # never cached

    def __init__(self, dataset: object, *, scale: int, seed: int) -> None:
        self.seed = seed

    def advance(
        self, graph: Graph, rung: int, state: bytes, *, limit_s: float | None = None
    ) -> Reached:
        assert state == (b"%d" % rung if rung else b""), "goes on from the rung before"
        psnr_db = 26 + count_macs(graph, 36, 64) ** 0.5 / 2e4 + rung / 10 + self.seed / 100
        return Reached(
            reading=(RUNGS[rung], psnr_db + 0.05, psnr_db),
            is_last=rung == len(RUNGS) - 1,
            state=b"%d" % (rung + 1),
            weights=save(random_weights(graph, 0)),
            details_png=strip_png(np.full((3, 8, 8, 3), rung + 1, np.uint8)),
            train_s=0.1,
            quantize_s=0.1,
            evaluate_s=0.1,
        )

    def finalise(self, graph: Graph, folder: Path) -> dict[str, Any]:
        (folder / "model.txt").write_text(graph.digest)
        psnr_db = 27 + count_macs(graph, 36, 64) ** 0.5 / 2e4
        return {"psnr_litert_int8_db": psnr_db, "steps": 4000}


class Converting(Steady):
    """Leaves a file where the converter would."""

    def finalise(self, graph: Graph, folder: Path) -> dict[str, Any]:
        (folder / "model.tflite").write_bytes(b"none")
        return super().finalise(graph, folder)


class Slow(Steady):
    def advance(
        self, graph: Graph, rung: int, state: bytes, *, limit_s: float | None = None
    ) -> Reached:
        time.sleep(0.2)
        if limit_s is not None and limit_s < 0.2:
            raise TimeoutError("slept 0.2 s")
        return super().advance(graph, rung, state)


def _is_first() -> bool:
    """Whether no other process asked before; `FAKE_FLAG` names the file that remembers."""
    try:
        Path(os.environ["FAKE_FLAG"]).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


class DiesOnce(Steady):
    """Killed at its first network."""

    def advance(
        self, graph: Graph, rung: int, state: bytes, *, limit_s: float | None = None
    ) -> Reached:
        if _is_first():
            os.kill(os.getpid(), signal.SIGKILL)
        return super().advance(graph, rung, state)


class Notes(Steady):
    """Writes each rung that it trains into the file `FAKE_NOTES`; dies at the first second one."""

    def advance(
        self, graph: Graph, rung: int, state: bytes, *, limit_s: float | None = None
    ) -> Reached:
        notes = Path(os.environ["FAKE_NOTES"])
        with notes.open("a") as file:
            file.write(f"{graph.digest} {rung}\n")
        if rung == 1 and _is_first():
            time.sleep(0.5)  # the answer to this worker's task before is with the search by now
            os.kill(os.getpid(), signal.SIGKILL)
        return super().advance(graph, rung, state)


class Known(Steady):
    """Writes each rung that it trains into the file `FAKE_NOTES`; what it gives may be cached."""

    @property
    def identity(self) -> str:
        return f"known {self.seed}"

    def advance(
        self, graph: Graph, rung: int, state: bytes, *, limit_s: float | None = None
    ) -> Reached:
        with Path(os.environ["FAKE_NOTES"]).open("a") as file:
            file.write(f"{graph.digest} {rung}\n")
        return super().advance(graph, rung, state)


class DiesOfXcat(Steady):
    def advance(
        self, graph: Graph, rung: int, state: bytes, *, limit_s: float | None = None
    ) -> Reached:
        if graph.digest == XCAT:
            time.sleep(0.5)  # Dask does not restart a worker that dies while it starts
            os.kill(os.getpid(), signal.SIGKILL)
        return super().advance(graph, rung, state)


class FailsAtXcat(Steady):
    def advance(
        self, graph: Graph, rung: int, state: bytes, *, limit_s: float | None = None
    ) -> Reached:
        if graph.digest == XCAT:
            raise FloatingPointError("loss is nan")
        return super().advance(graph, rung, state)


class AlwaysFails(Steady):
    def advance(
        self, graph: Graph, rung: int, state: bytes, *, limit_s: float | None = None
    ) -> Reached:
        raise ValueError("no luck\nat all")


class Diverges(Steady):
    def advance(
        self, graph: Graph, rung: int, state: bytes, *, limit_s: float | None = None
    ) -> Reached:
        raise FloatingPointError(f"loss {count_macs(graph, 3, 3) % 10} is nan")


class NeedsMemory(Steady):
    def advance(
        self, graph: Graph, rung: int, state: bytes, *, limit_s: float | None = None
    ) -> Reached:
        raise RuntimeError(f"can't allocate memory: {count_macs(graph, 3, 3)} bytes")


class DiskFull(Steady):
    def advance(
        self, graph: Graph, rung: int, state: bytes, *, limit_s: float | None = None
    ) -> Reached:
        raise OSError(28, "No space left on device", "/some/where")


class CannotStart(Steady):
    def __init__(self, dataset: object, *, scale: int, seed: int) -> None:
        raise NasError("no torch here")


class Heavy(Steady):
    """Its files weigh more than any bound says, but for those of published networks."""

    def finalise(self, graph: Graph, folder: Path) -> dict[str, Any]:
        size_kib = 30 if graph.digest in zoo_names_by_digest() else 61
        return {**super().finalise(graph, folder), "size_bytes": 1024 * size_kib}
