"""One immutable graph, and the builder that makes it.

Identity is the content of the canonical graph: unreachable nodes are dropped and the others are
numbered in depth-first order from the output, so two ways to build one network give equal graphs.
"""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import networkx as nx

from nas.errors import GraphError, ShapeError
from nas.graph.names import op_text
from nas.graph.ops import Add, Concat, Conv2d, Input, Multiply, Op, Shape

__all__ = ["Graph", "GraphBuilder", "Node"]

_PROBE = 12  # pixels; serves to check shapes, and can be halved twice
_COMMUTE = Add | Multiply


@dataclass(frozen=True, slots=True)
class Node:
    """An op and the positions of the nodes it reads."""

    op: Op
    inputs: tuple[int, ...]


@dataclass(frozen=True)
class Graph:
    """A network: nodes in execution order, the first the input, the last the output.

    Build one with `GraphBuilder` or `nas.graph.text.parse_text`; both make the canonical form.
    """

    nodes: tuple[Node, ...]

    @cached_property
    def digest(self) -> str:
        """16 hex digits that are equal for equal networks only, on every machine."""
        # Made of the text form: an op that gains an attribute keeps its old networks' digests.
        return _hash(*(f"{op_text(node.op)} {node.inputs}" for node in self.nodes))[:16]

    @property
    def channels(self) -> int:
        """Channels of the input image."""
        op = self.nodes[0].op
        if not isinstance(op, Input):
            raise GraphError(f"the first node must be Input, got {op}")
        return op.channels

    @property
    def scale(self) -> int:
        """Output height over input height; 0 where the output is smaller."""
        return self.shapes(_PROBE, _PROBE)[-1].height // _PROBE

    @cached_property
    def deployed(self) -> "Graph":
        """The same network, node by node, with plain convolutions in place of train-time forms."""
        return Graph(tuple(Node(_plain(node.op), node.inputs) for node in self.nodes))

    def shapes(self, height: int, width: int) -> tuple[Shape, ...]:
        """The output shape of each node for an input image of `height` x `width` pixels.

        Raises:
            ShapeError: Inputs of a node do not fit its op.
        """
        found: list[Shape] = []
        for position, node in enumerate(self.nodes):
            xs = [found[i] for i in node.inputs] or [Shape(height, width, self.channels)]
            if len(xs) != 1 and not isinstance(node.op, Concat | Add | Multiply):
                raise ShapeError(f"node {position}: {node.op} takes one input, got {len(xs)}")
            try:
                found.append(node.op.shape_of(*xs))
            except ShapeError as error:
                raise ShapeError(f"node {position}: {error}") from None
        return tuple(found)

    @cached_property
    def consumers(self) -> tuple[tuple[int, ...], ...]:
        """For each node the positions of the nodes that read it, in order."""
        readers: list[list[int]] = [[] for _ in self.nodes]
        for position, node in enumerate(self.nodes):
            for i in dict.fromkeys(node.inputs):
                readers[i].append(position)
        return tuple(map(tuple, readers))


class GraphBuilder:
    """Collects nodes; `graph()` freezes them.

    Example:
        >>> from nas.graph.ops import Conv2d, DepthToSpace
        >>> g = GraphBuilder(channels=3)
        >>> x = g.append(Conv2d(27), g.input)
        >>> g.graph(g.append(DepthToSpace(3), x)).scale
        3
    """

    def __init__(self, channels: int = 3) -> None:
        self._nodes = [Node(Input(channels), ())]
        self.input = 0

    def append(self, op: Op, *inputs: int) -> int:
        """Adds `op` reading `inputs` and returns its handle."""
        if isinstance(op, Input):
            raise GraphError(f"{op} is there already, a network reads one image")
        if not inputs or any(not 0 <= i < len(self._nodes) for i in inputs):
            raise GraphError(f"{op} needs inputs that were appended before it, got {inputs}")
        self._nodes.append(Node(op, inputs))
        return len(self._nodes) - 1

    def chain(self, x: int, *ops: Op) -> int:
        """Appends `ops` one after the other, the first reading `x`; returns the last handle."""
        for op in ops:
            x = self.append(op, x)
        return x

    def graph(self, output: int | None = None) -> Graph:
        """The canonical graph that ends in `output` (default: the last node appended)."""
        return self.freeze(output)[0]

    def freeze(self, output: int | None = None) -> tuple[Graph, dict[int, int]]:
        """The canonical graph, and at which position the node of each handle stands in it."""
        last = len(self._nodes) - 1 if output is None else output
        reads = nx.DiGraph()
        reads.add_nodes_from([last])
        nodes = _sorted_sums(self._nodes, last)
        for position, node in enumerate(nodes):
            reads.add_edges_from((position, i) for i in node.inputs)
        order = list(nx.dfs_postorder_nodes(reads, last))
        place = {old: new for new, old in enumerate(order)}
        found = Graph(
            tuple(Node(nodes[old].op, tuple(place[i] for i in nodes[old].inputs)) for old in order)
        )
        found.shapes(_PROBE, _PROBE)
        return found, place


def _sorted_sums(nodes: list[Node], last: int) -> list[Node]:
    """`nodes` with the inputs of each sum and product in one order, because a + b is b + a.

    Inputs are ordered by what they compute and, where that is equal, by what becomes of them.
    Forms decide last, so that the deployed network has the same order.
    """
    deployed = _ranks([Node(_plain(node.op), node.inputs) for node in nodes], last)
    trained = _ranks(nodes, last)

    def order(i: int) -> tuple[_Rank, _Rank]:
        return deployed[i], trained[i]

    return [
        Node(node.op, tuple(sorted(node.inputs, key=order)))
        if isinstance(node.op, _COMMUTE)
        else node
        for node in nodes
    ]


_Rank = tuple[str, list[str]]


def _ranks(nodes: list[Node], last: int) -> list[_Rank]:
    """Of each node a hash of what it computes, and hashes of what becomes of it."""
    made: list[str] = []  # of each node: its op and, recursively, what it reads
    for node in nodes:
        made.append(_hash(op_text(node.op), *_unordered_sum(node, [made[i] for i in node.inputs])))
    fate: list[list[str]] = [[] for _ in nodes]  # of each node: its readers and their fate
    fate[last].append("output")
    for position in range(last, -1, -1):
        if fate[position]:
            node = nodes[position]
            for place, i in enumerate(node.inputs):
                role = "" if isinstance(node.op, _COMMUTE) else str(place)
                fate[i].append(_hash(made[position], role, *sorted(fate[position])))
    return [(what, sorted(after)) for what, after in zip(made, fate, strict=True)]


def _unordered_sum(node: Node, parts: list[str]) -> list[str]:
    return sorted(parts) if isinstance(node.op, _COMMUTE) else parts


def _plain(op: Op) -> Op:
    return replace(op, form="plain", expansion=1) if isinstance(op, Conv2d) else op


def _hash(*parts: str) -> str:
    return hashlib.sha256("|".join(parts).encode()).hexdigest()
