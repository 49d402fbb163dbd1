"""A back-end that times by a known law, and a device it measures."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from nas.errors import DeviceError
from nas.graph import Graph
from nas.latency import calibrate, table
from nas.latency.backends.base import Conditions, Measurement
from nas.readers.features import read_features

__all__ = ["CONDITIONS", "HEIGHT", "WIDTH", "StandIn", "law_ms", "no_conversion"]

HEIGHT, WIDTH = 36, 64
CONDITIONS = Conditions("stand-in 1.0", "INT8", HEIGHT, WIDTH, "NHWC", 2, "as computed")


def law_ms(graph: Graph) -> float:
    """What a network takes: a fixed time, ops, arithmetic, writing, sums and copies."""
    found = read_features(graph, height=HEIGHT, width=WIDTH)
    return (
        0.2
        + 0.01 * found.launches
        + 2e-9 * found.macs_by_8
        + 1e-6 * found.written_bytes
        + 3e-6 * found.add_bytes
        + 2e-6 * found.regroup_bytes
    )


@dataclass
class StandIn:
    """Remembers what it was asked; `refuses` says whether it fails on a network."""

    conditions: Conditions = CONDITIONS
    refuses: Callable[[Graph], str | None] = lambda graph: None
    busy: bool = False
    asked: list[str] = field(default_factory=list)
    name: str = "host-cpu"
    what: str = "A stand-in"

    def describe(self) -> str:
        return self.what

    def check(self) -> None:
        if self.busy:
            raise DeviceError("this machine is busy", "wait")

    def measure(self, graph: Graph, file: Path) -> Measurement:
        self.asked.append(graph.digest)
        if reason := self.refuses(graph):
            raise DeviceError(reason)
        return Measurement(law_ms(graph), 0.004, replace(self.conditions))


def no_conversion(patch: pytest.MonkeyPatch) -> None:
    """Takes an empty file for that of a network, which saves a second for each."""

    def empty(graph: Graph, *, height: int, width: int, folder: Path) -> Path:
        assert (height, width) == (HEIGHT, WIDTH)
        file = folder / f"{graph.digest}-{height}x{width}.tflite"
        folder.mkdir(exist_ok=True)
        file.touch()
        return file

    for module in (calibrate, table):
        patch.setattr(module, "measurable_file", empty)
