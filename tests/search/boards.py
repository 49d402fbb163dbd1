"""A device of a person's own, with six small networks measured, and a back-end that needs none."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nas.errors import DeviceError
from nas.graph import Conv2d, DepthToSpace, Graph, GraphBuilder
from nas.latency.backends.base import Conditions, Measurement
from nas.latency.devices import Device, read_device
from nas.latency.making import make_model
from nas.latency.records import append_records, row_of
from nas.readers.cost import count_macs

SMALL_SPACE = """
from nas.graph import Conv2d, DepthToSpace, GraphBuilder
from nas.space import Choice, Space

def build(pick, scale):
    g = GraphBuilder(channels=3)
    width = min(pick.width, 12)     # two picks of each depth are one network
    x = g.chain(g.input, *[Conv2d(width, activation="relu")] * pick.depth)
    return g.graph(g.chain(x, Conv2d(27), DepthToSpace(scale)))

space = Space("small", (Choice("width", (8, 12, 16)), Choice("depth", (1, 2))), build)
"""
TOML = """
name = "{name}"
description = "A board of the tests"
processor = "none"
conditions = "Bench 1"
precision = "INT8"
height = 360
width = 640
backend = "{backend}"

[card]
limits = ["It is not there."]
"""
CONDITIONS = Conditions("Bench 1", "INT8", 360, 640, "NHWC", 2, "median of 3 runs")


def stack(width: int, depth: int) -> Graph:
    """A network such as those of `SMALL_SPACE`."""
    g = GraphBuilder(channels=3)
    x = g.chain(g.input, *[Conv2d(width, activation="relu")] * depth)
    return g.graph(g.chain(x, Conv2d(27), DepthToSpace(3)))


def true_ms(graph: Graph) -> float:
    """What the board takes."""
    return 2 + count_macs(graph, height=360, width=640) / 5e8


def make_board(name: str = "board", backend: str = "host-cpu") -> Device:
    """The device below the current folder, fitted."""
    folder = Path("latency_models") / name
    folder.mkdir(parents=True)
    (folder / "device.toml").write_text(TOML.format(name=name, backend=backend))
    device = read_device(folder)
    graphs = [stack(width, depth) for width in (10, 16, 24) for depth in (1, 3)]
    times = [Measurement(true_ms(graph), 0.01, CONDITIONS) for graph in graphs]
    rows = [row_of(device, g, t, source="a test") for g, t in zip(graphs, times, strict=True)]
    append_records(device.measurements, rows)
    make_model(device, lambda name: stack(8, 1))
    return read_device(folder)


@dataclass
class StandIn:
    """Needs twice what the board takes, unless told otherwise; remembers what it was asked."""

    name: str = "host-cpu"
    ms_of: Callable[[Graph], float] = lambda graph: 2 * true_ms(graph)
    conditions: Conditions = CONDITIONS
    fails_at: frozenset[str] = frozenset()
    trouble: str = ""
    files: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)

    def describe(self) -> str:
        return "a test"

    def open(self, name: str, device_name: str, **options: Any) -> "StandIn":
        """In place of `nas.latency.backends.open_backend`."""
        assert name == self.name
        self.options = options
        return self

    def check(self) -> None:
        if self.trouble:
            raise DeviceError(self.trouble, "stop what runs, or add --force")

    def measure(self, graph: Graph, file: Path) -> Measurement:
        if graph.digest in self.fails_at:
            raise DeviceError("the board is gone", "plug it in")
        self.files.append(file.name)
        return Measurement(self.ms_of(graph), 0.02, self.conditions, "warm")
