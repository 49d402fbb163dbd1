"""A made-up board that tells what each op takes, by a known law."""

import numpy as np

from nas.graph import Add, Clip, Concat, Conv2d, DepthToSpace, Graph, GraphBuilder, Slice
from nas.latency.arrays import Array
from nas.latency.op_terms import TERMS, Law, design, law_costs
from nas.latency.records import Record
from nas.latency.rows import Rows, rows_of
from nas.readers.kernels import read_kernels
from tests.latency.boards import BOARD, measured

__all__ = ["LAW", "NETWORKS", "node_ms", "op_record", "op_rows", "split"]

LAW = Law("channels", refetch=16, split=True, power=4)
_COSTS = {"macs": 2e-9, "launches": 0.01, "image_read": 3e-7, "bursts_written": 6e-7}
_FREE = ("slice", "concat", "depth_to_space")


def split(width: int, depth: int, *, first: int = 8) -> Graph:
    """Blocks that treat two parts of an image apart, a sum, and the usual end."""
    g = GraphBuilder(channels=3)
    x = g.append(Conv2d(width, activation="relu"), g.input)
    for _ in range(depth):
        a = g.append(Conv2d(first), g.append(Slice(0, first), x))
        b = g.append(Conv2d(width - first, kernel=1), g.append(Slice(first, width - first), x))
        x = g.append(Add(), g.append(Concat(), a, b), x)
    return g.graph(g.chain(x, Conv2d(27), DepthToSpace(3), Clip()))


NETWORKS = tuple(split(12 + 4 * (i % 5), 1 + i % 3, first=4 + 4 * (i % 2)) for i in range(12))


def node_ms(graph: Graph, *, speed: float = 1.0) -> Array:
    """What each node takes on the board."""
    kernels = read_kernels(graph, height=BOARD.height, width=BOARD.width)
    coefficients = np.array([_COSTS.get(name, 1e-7) for name in TERMS]) / speed
    free = [kernel.kind in _FREE for kernel in kernels]
    return np.where(free, 0.0, law_costs(design(kernels, LAW), coefficients, LAW)[0])


def op_record(graph: Graph, *, speed: float = 1.0) -> Record:
    """A measurement of `graph` on the board."""
    times = node_ms(graph, speed=speed)
    return measured(graph, float(times.sum()), node_ms=tuple(map(float, times)))


def op_rows(*graphs: Graph, speed: float = 1.0) -> Rows:
    """Measurements of `graphs`, or of all networks here."""
    return rows_of(BOARD, [op_record(graph, speed=speed) for graph in graphs or NETWORKS])
