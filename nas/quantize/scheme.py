"""Which tensors of a network share one INT8 grid, and which grids are fixed.

TensorFlow Lite demands one grid for the inputs and the output of a concatenation, and of ops that
only move values. The image keeps 1/255 throughout: where it enters such a group with a wider grid,
a RELU (which changes no image) regrids it. What is only clipped afterwards needs no grid beyond
the clip, so its range saturates there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import networkx as nx

from nas.graph import Clip, Concat, DepthToSpace, Graph, Input, Relu, Repeat, Slice

__all__ = ["IMAGE_GRID", "MOVES", "Grid", "Scheme", "grid_of", "grids", "read_scheme", "regrids"]

MOVES = (Concat, DepthToSpace, Repeat, Slice)
"""Ops whose output holds input values and nothing else, so it lies on the grid of its inputs."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Per-tensor asymmetric int8: value = scale * (code - zero_point)."""

    scale: float
    zero_point: int

    @property
    def low(self) -> float:
        return self.scale * (-128 - self.zero_point)

    @property
    def high(self) -> float:
        return self.scale * (127 - self.zero_point)


IMAGE_GRID = Grid(1 / 255, -128)


def grid_of(low: float, high: float) -> Grid:
    """The grid that spans `low`..`high` and holds zero exactly."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = max((high - low) / 255, 1e-6)
    return Grid(scale, max(-128, min(127, round(-128 - low / scale))))


@dataclass(frozen=True, slots=True)
class Scheme:
    """Groups of nodes with one grid each; the group of the image is the first.

    Args:
        group: Index of the group of each node.
        saturates: Groups that are fixed to 0..1, because a clip or the uint8 output follows.
        regrid: Edges (reader, image node) that need a change of grid when the grids differ.
    """

    group: tuple[int, ...]
    saturates: frozenset[int]
    regrid: frozenset[tuple[int, int]]


def read_scheme(graph: Graph) -> Scheme:
    """The INT8 scheme of a network."""
    together = nx.Graph()
    together.add_nodes_from(range(len(graph.nodes)))
    regrid = set()
    for position, node in enumerate(graph.nodes):
        if isinstance(node.op, MOVES):
            for i in node.inputs:
                if isinstance(graph.nodes[i].op, Input):
                    regrid.add((position, i))
                else:
                    together.add_edge(position, i)
    groups = sorted(nx.connected_components(together), key=min)
    group = {position: index for index, members in enumerate(groups) for position in members}
    saturates = {
        index
        for index, members in enumerate(groups)
        if len(graph.nodes) - 1 in members or all(_is_limited(graph, m) for m in members)
    }
    return Scheme(
        tuple(group[position] for position in range(len(graph.nodes))),
        frozenset(saturates),
        frozenset(regrid),
    )


def grids(graph: Graph, ranges: Mapping[int, tuple[float, float]]) -> tuple[Grid, ...]:
    """The grid of each node, from the (low, high) that each node was seen to take."""
    scheme = read_scheme(graph)
    spans: dict[int, tuple[float, float]] = {}
    for position, (low, high) in ranges.items():
        index = scheme.group[position]
        before = spans.get(index, (low, high))
        spans[index] = (min(low, before[0]), max(high, before[1]))
    found = []
    for position, node in enumerate(graph.nodes):
        index = scheme.group[position]
        fixed = isinstance(node.op, Input) or index in scheme.saturates
        found.append(IMAGE_GRID if fixed else grid_of(*spans[index]))
    return tuple(found)


def regrids(graph: Graph, grid: Sequence[Grid]) -> frozenset[tuple[int, int]]:
    """Edges (reader, image node) on which the image does change grids."""
    edges = read_scheme(graph).regrid
    return frozenset((reader, source) for reader, source in edges if grid[reader] != grid[source])


def _is_limited(graph: Graph, position: int) -> bool:
    """Whether values of a node beyond 0..1 cannot be told from 0 and 1 in the output."""
    readers = graph.consumers[position]
    return (
        isinstance(graph.nodes[position].op, Clip)
        or position == len(graph.nodes) - 1  # the output is uint8
        or all(
            isinstance(graph.nodes[r].op, Clip | Relu | DepthToSpace) and _is_limited(graph, r)
            for r in readers
        )
    )
