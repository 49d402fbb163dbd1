"""Which tensors of a network share one INT8 grid, and which grids are fixed.

TensorFlow Lite demands one grid for the inputs and the output of a concatenation, and of ops that
only move values. The image keeps 1/255 throughout, a sigmoid 1/256 and a tanh 1/128: where one of
them enters such a group with another grid, its values are rounded once more. What is only clipped
afterwards needs no grid beyond the clip, so its range saturates there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np

from nas.graph import (
    Add,
    Clip,
    Concat,
    Conv2d,
    DepthToSpace,
    Graph,
    Input,
    Multiply,
    Op,
    Relu,
    Repeat,
    ResizeNearest,
    Sigmoid,
    Slice,
    SpaceToDepth,
    Tanh,
)

__all__ = [
    "IMAGE_GRID",
    "MOVES",
    "PINNED",
    "Grid",
    "Scheme",
    "grid_of",
    "grids",
    "read_scheme",
    "regrids",
    "symmetric_grid",
]

MOVES = (Concat, DepthToSpace, Repeat, ResizeNearest, Slice, SpaceToDepth)
"""Ops whose output holds input values and nothing else, so it lies on the grid of its inputs."""
_FUSE = Conv2d | Add | Multiply  # ops that the converter makes one with a rectifier behind them


@dataclass(frozen=True, slots=True)
class Grid:
    """One grid for a whole tensor: value = scale * (code - zero_point), signed codes of `bits`."""

    scale: float
    zero_point: int
    bits: int = 8

    @property
    def low(self) -> float:
        return self.scale * (self.lowest_code - self.zero_point)

    @property
    def high(self) -> float:
        return self.scale * (self.highest_code - self.zero_point)

    @property
    def lowest_code(self) -> int:
        return -(1 << (self.bits - 1))

    @property
    def highest_code(self) -> int:
        return (1 << (self.bits - 1)) - 1


IMAGE_GRID = Grid(1 / 255, -128)
PINNED: Mapping[type[Op], Grid] = {
    Input: IMAGE_GRID,
    Sigmoid: Grid(1 / 256, -128),
    Tanh: Grid(1 / 128, 0),
}
"""Ops whose output has one grid always; sigmoid and tanh by TensorFlow Lite's specification."""


def grid_of(low: float, high: float) -> Grid:
    """The int8 grid that spans `low`..`high` and holds zero exactly."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = max((high - low) / 255, 1e-6)
    grid = Grid(scale, max(-128, min(127, round(-128 - low / scale))))
    for _ in range(4):  # one suffices nearly always
        grid = Grid(_stored_scale(grid), grid.zero_point)
    return grid


def symmetric_grid(low: float, high: float) -> Grid:
    """The int16 grid that spans `low`..`high`: TensorFlow Lite has them with zero point 0 only."""
    return Grid(max(-low, high, 1e-6) / 32767, 0, bits=16)


def _stored_scale(grid: Grid) -> float:
    """What a file holds: the converter reads both ends as float32 and divides anew."""
    low, high = float(np.float32(grid.low)), float(np.float32(grid.high))
    return float(np.float32((high - low) / 255))


@dataclass(frozen=True, slots=True)
class Scheme:
    """Groups of nodes with one grid each; the group of the image is the first.

    Args:
        group: Index of the group of each node.
        fixed: Grids that do not depend on calibration, by group: of what a clip or the uint8 output
            limits to 0..1, and of what only moves values of a fixed grid.
        regrid: Edges (reader, pinned node) that need a change of grid when the grids differ.
        rectified: Nodes that only a `Relu` reads, at once or behind a depth-to-space: the converter
            makes one op of the two, which writes on the grid of the `Relu`.
    """

    group: tuple[int, ...]
    fixed: Mapping[int, Grid]
    regrid: frozenset[tuple[int, int]]
    rectified: frozenset[int]


def read_scheme(graph: Graph) -> Scheme:
    """The INT8 scheme of a network."""
    together = nx.Graph()
    together.add_nodes_from(range(len(graph.nodes)))
    regrid = set()
    rectified = frozenset(i for i in range(len(graph.nodes)) if _is_rectified(graph, i))
    for position, node in enumerate(graph.nodes):
        together.add_edges_from((position, i) for i in node.inputs if i in rectified)
        if isinstance(node.op, MOVES):
            for i in node.inputs:
                if type(graph.nodes[i].op) in PINNED:
                    regrid.add((position, i))
                else:
                    together.add_edge(position, i)
    groups = sorted(nx.connected_components(together), key=min)
    group = {position: index for index, members in enumerate(groups) for position in members}
    fixed = {index: _fixed_grid(graph, members) for index, members in enumerate(groups)}
    return Scheme(
        tuple(group[position] for position in range(len(graph.nodes))),
        {index: grid for index, grid in fixed.items() if grid is not None},
        frozenset(regrid),
        rectified,
    )


def _is_rectified(graph: Graph, position: int) -> bool:
    """Whether a rectifier is all that becomes of a node, at once or behind a depth-to-space."""
    readers = graph.consumers[position]
    op = graph.nodes[position].op
    if len(readers) != 1:
        return False
    if isinstance(op, DepthToSpace):
        before = graph.nodes[position].inputs[0]
        alone = isinstance(graph.nodes[before].op, _FUSE) and len(graph.consumers[before]) == 1
        return alone and isinstance(graph.nodes[readers[0]].op, Relu)
    if isinstance(graph.nodes[readers[0]].op, DepthToSpace):
        return isinstance(op, _FUSE) and _is_rectified(graph, readers[0])
    return isinstance(op, _FUSE) and isinstance(graph.nodes[readers[0]].op, Relu)


def _fixed_grid(graph: Graph, members: set[int]) -> Grid | None:
    """The grid of a group, if it is known without calibration."""
    ops = [graph.nodes[member].op for member in members]
    for op in ops:
        if type(op) in PINNED:  # such a node is alone in its group
            return PINNED[type(op)]
    if len(graph.nodes) - 1 in members or all(_is_limited(graph, m) for m in members):
        return IMAGE_GRID
    if all(isinstance(op, MOVES) for op in ops):
        read = {i for member in members for i in graph.nodes[member].inputs} - members
        sources = {PINNED[type(graph.nodes[i].op)] for i in read}
        return sources.pop() if len(sources) == 1 else None
    return None


def grids(
    graph: Graph, ranges: Mapping[int, tuple[float, float]], *, bits: int = 8
) -> tuple[Grid, ...]:
    """The grid of each node, from the (low, high) that each node was seen to take.

    Args:
        graph: The network.
        ranges: Of each node; those of a group are joined.
        bits: Of activations, 8 or 16.
    """
    scheme = read_scheme(graph)
    spans: dict[int, tuple[float, float]] = {}
    for position, (low, high) in ranges.items():
        if position in scheme.rectified:
            continue
        index = scheme.group[position]
        before = spans.get(index, (low, high))
        spans[index] = (min(low, before[0]), max(high, before[1]))
    found = {}
    for index in set(scheme.group):
        fixed = scheme.fixed.get(index)
        if bits == 16:
            found[index] = symmetric_grid(*((fixed.low, fixed.high) if fixed else spans[index]))
        else:
            found[index] = fixed or grid_of(*spans[index])
    return tuple(found[index] for index in scheme.group)


def regrids(graph: Graph, grid: Sequence[Grid]) -> frozenset[tuple[int, int]]:
    """Edges (reader, pinned node) on which values do change grids."""
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
