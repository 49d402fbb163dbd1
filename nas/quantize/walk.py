"""Running a graph node by node, holding no output longer than somebody still reads it."""

from collections.abc import Callable, Iterator

from torch import Tensor

from nas.graph import Graph

__all__ = ["Frontier", "walk"]


class Frontier:
    """How far a graph has been run on a batch: the outputs that are still to be read.

    Args:
        graph: The network.
        images: What its first node reads.
    """

    def __init__(self, graph: Graph, images: Tensor) -> None:
        self._graph = graph
        self._images = images
        self._alive: dict[int, Tensor] = {}

    def reads(self, position: int) -> list[Tensor]:
        """What the next node reads."""
        inputs = self._graph.nodes[position].inputs
        return [self._alive[i] for i in inputs] or [self._images]

    def put(self, position: int, y: Tensor) -> None:
        """The output of the next node."""
        for i in self._graph.nodes[position].inputs:
            if self._graph.consumers[i][-1] == position:
                self._alive.pop(i, None)
        self._alive[position] = y


def walk(
    graph: Graph, images: Tensor, apply: Callable[[int, list[Tensor]], Tensor]
) -> Iterator[tuple[int, Tensor]]:
    """Yields position and output of each node in order.

    Args:
        graph: The network.
        images: What its first node reads.
        apply: (position, what the node reads) -> its output.
    """
    frontier = Frontier(graph, images)
    for position in range(len(graph.nodes)):
        y = apply(position, frontier.reads(position))
        frontier.put(position, y)
        yield position, y
