"""What every measuring back-end gives: one time, and the conditions it holds under."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from nas.graph import Graph

__all__ = ["Backend", "Conditions", "Measurement"]


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a time depends on besides the network and the device.

    Args:
        runtime: Program and version that ran it, such as "LiteRT 2.3.0, XNNPACK".
        precision: Of weights and activations: INT8, UINT8.
        height: Of the input, in pixels.
        width: Of the input, in pixels.
        layout: Of the file: NHWC or NCHW.
        threads: On a CPU; 0 where the word has no meaning.
        statistic: What `latency_ms` is of the runs: "median of 20 runs", "estimate".
    """

    runtime: str
    precision: str
    height: int
    width: int
    layout: str
    threads: int
    statistic: str


@dataclass(frozen=True, slots=True)
class Measurement:
    """One network, timed.

    Args:
        latency_ms: Of one inference.
        noise: Half the range between the quartiles of the runs over their median; 0 where the same
            file always gives the same time.
        conditions: Under which it holds.
        note: What a reader must know, such as ops that were not counted; may be empty.
        node_ms: Of each node of the deployed graph, adding up to `latency_ms`; empty where the
            program tells the whole alone.
    """

    latency_ms: float
    noise: float
    conditions: Conditions
    note: str = ""
    node_ms: tuple[float, ...] = ()


class Backend(Protocol):
    """A program that times a TensorFlow Lite file."""

    @property
    def name(self) -> str:
        """As typed after `--backend`."""
        ...

    def describe(self) -> str:
        """The hardware that it measures, in one line; the same for the same hardware."""
        ...

    def check(self) -> None:
        """Raises `DeviceError`, with what to do, where it cannot measure now."""
        ...

    def measure(self, graph: Graph, file: Path) -> Measurement:
        """Times the network in `file`, which `graph` was converted to.

        Raises:
            DeviceError: The program failed; holds the end of what it said.
        """
        ...
