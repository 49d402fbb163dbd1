"""A made-up board whose times follow a known law, and what the shipped devices are made of."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from nas.graph import Clip, Conv2d, DepthToSpace, Graph, GraphBuilder, to_text
from nas.latency.backends.base import Conditions
from nas.latency.devices import Device, device_names, load_device
from nas.latency.making import Evidence, read_evidence
from nas.latency.model import LatencyModel
from nas.latency.records import Record
from nas.latency.rows import Rows, rows_of
from nas.readers.features import read_features
from nas.zoo import zoo_entry

__all__ = [
    "BOARD",
    "GRAPHS",
    "MODELLED",
    "WHOLE",
    "board_rows",
    "evidence_of",
    "law_ms",
    "measured",
    "plain",
    "zoo_graph",
]

BOARD = Device(
    name="board",
    description="A board of tests",
    processor="none",
    conditions="made up",
    precision="INT8",
    height=360,
    width=640,
    parent="",
    backend="",
    peak_macs_per_ms=0.0,
    limits=("It does not exist.",),
    folder=Path("nowhere"),
)
CONDITIONS = Conditions("nothing", "INT8", 360, 640, "NHWC", 0, "as computed")
MODELLED = [name for name in device_names() if load_device(name).has_model]
WHOLE = [n for n in MODELLED if isinstance(load_device(n).model, LatencyModel)]  # not op by op


def plain(width: int, convs: int, *, kernel: int = 3) -> Graph:
    """A chain of `convs` convolutions of `width` channels, and the usual end."""
    g = GraphBuilder(channels=3)
    body = [Conv2d(width, kernel=kernel, activation="relu") for _ in range(convs)]
    return g.graph(g.chain(g.input, *body, Conv2d(27), Clip(), DepthToSpace(3)))


GRAPHS = tuple(plain((8, 14, 30)[i % 3], i + 1) for i in range(9))


def law_ms(graph: Graph) -> float:
    """What `graph` takes on the board: 2 ms, 0.3 ms an op, and arithmetic and writing."""
    found = read_features(graph, height=360, width=640)
    return 2 + 0.3 * found.launches + 1e-9 * found.macs_by_4 + 2e-7 * found.written_bytes


def measured(graph: Graph, latency_ms: float = 0.0, /, **changes: Any) -> Record:
    """A record of the board, by the law unless a time is given."""
    record = Record(
        device="board",
        network=to_text(graph, separator="; "),
        graph=graph,
        latency_ms=latency_ms or law_ms(graph),
        used_for_fit=True,
        why_not="",
        conditions=CONDITIONS,
        noise=0.0,
        note="",
        source="tests",
    )
    return replace(record, **changes)


def board_rows(*, noise: float = 0.0) -> Rows:
    """Nine networks on the board; `noise` is the deviation of the logarithm of a time."""
    rows = rows_of(BOARD, [measured(graph) for graph in GRAPHS])
    return replace(rows, times=rows.times * np.exp(noise * np.random.default_rng(0).normal(size=9)))


def zoo_graph(name: str) -> Graph:
    """The published network `name`."""
    return zoo_entry(name).build()


@cache
def evidence_of(name: str) -> Evidence:
    """What the model of a shipped device is made of."""
    return read_evidence(load_device(name), zoo_graph)
