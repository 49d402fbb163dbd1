"""Benches that measure nothing: for tests of the loop, where training is tested elsewhere."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from nas.errors import NasError
from nas.graph import Graph
from nas.readers.cost import count_macs
from nas.zoo import zoo_entry

RUNGS = (100, 400, 1200)
XCAT = zoo_entry("XCAT").build().digest


class Steady:
    """PSNR grows with MACs and steps, the same in every process."""

    def __init__(self, dataset: object, *, scale: int, seed: int) -> None:
        self.seed = seed

    def evaluate(self, graph: Graph, go_on: Callable[[Any], bool]) -> Any:
        readings = []
        for rung, steps in enumerate(RUNGS):
            psnr_db = 26 + count_macs(graph, 36, 64) ** 0.5 / 2e4 + rung / 10 + self.seed / 100
            reading = SimpleNamespace(
                steps=steps, psnr_float_db=psnr_db + 0.05, psnr_int8_db=psnr_db
            )
            readings.append(reading)
            if rung < len(RUNGS) - 1 and not go_on(reading):
                break
        details = np.full((3, 8, 8, 3), len(readings), np.uint8)
        return SimpleNamespace(
            readings=readings, details=details, train_s=0.1, quantize_s=0.1, evaluate_s=0.1
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
    def evaluate(self, graph: Graph, go_on: Callable[[Any], bool]) -> Any:
        time.sleep(0.2)
        return super().evaluate(graph, go_on)


class DiesOnce(Steady):
    """Killed at its first network; `FAKE_FLAG` names the file that remembers."""

    def evaluate(self, graph: Graph, go_on: Callable[[Any], bool]) -> Any:
        flag = Path(os.environ["FAKE_FLAG"])
        if not flag.exists():
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().evaluate(graph, go_on)


class DiesOfXcat(Steady):
    def evaluate(self, graph: Graph, go_on: Callable[[Any], bool]) -> Any:
        if graph.digest == XCAT:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().evaluate(graph, go_on)


class FailsAtXcat(Steady):
    def evaluate(self, graph: Graph, go_on: Callable[[Any], bool]) -> Any:
        if graph.digest == XCAT:
            raise FloatingPointError("loss is nan")
        return super().evaluate(graph, go_on)


class AlwaysFails(Steady):
    def evaluate(self, graph: Graph, go_on: Callable[[Any], bool]) -> Any:
        raise ValueError("no luck\nat all")


class DiskFull(Steady):
    def evaluate(self, graph: Graph, go_on: Callable[[Any], bool]) -> Any:
        raise OSError(28, "No space left on device", "/some/where")


class CannotStart(Steady):
    def __init__(self, dataset: object, *, scale: int, seed: int) -> None:
        raise NasError("no torch here")
