"""Which node of a graph each layer of a compiled network comes from.

A compiler names a layer by the tensor that it writes. An op that writes straight into a
concatenation bears the name of that, so convolutions are told apart by what they compute, too.
"""

import re
from collections.abc import Iterable

from nas.graph import (
    Add,
    Clip,
    Concat,
    Conv2d,
    DepthToSpace,
    GlobalAveragePool,
    Graph,
    LeakyRelu,
    Multiply,
    NearestConv2d,
    Op,
    Prelu,
    Relu,
    Repeat,
    ResizeBicubic,
    ResizeNearest,
    Shape,
    Sigmoid,
    Slice,
    SpaceToDepth,
    Tanh,
    TransposedConv2d,
)

__all__ = ["Work", "spread_over_nodes"]

Work = tuple[str, str, int, float]  # kind of op in the file, tensor, multiply-adds, cost
_CONVS = (Conv2d, NearestConv2d, TransposedConv2d)
_NODES_OF: dict[str, tuple[type[Op], ...]] = {  # by the kind of op in the file
    "Add": (Add,),
    "Concat": (Concat, Repeat),
    "DepthToSpace": (DepthToSpace,),
    "LeakyRelu": (LeakyRelu,),
    "Mean": (GlobalAveragePool,),
    "Minimum": (Clip,),
    "Mul": (Multiply,),
    "Prelu": (Prelu,),
    "Relu": (Relu, Clip),
    "ResizeBilinear": (ResizeBicubic,),
    "ResizeNearestNeighbor": (ResizeNearest,),
    "Sigmoid": (Sigmoid,),
    "SpaceToDepth": (SpaceToDepth,),
    "SplitSliceRead": (Slice,),
    "StridedSlice": (Slice,),
    "Tanh": (Tanh,),
}


def spread_over_nodes(
    graph: Graph, layers: Iterable[Work], *, height: int, width: int
) -> tuple[float, ...]:
    """The cost of each node, adding up to that of all layers.

    Conversions of numbers, which an integer image needs on its way in and out, belong to the
    input: any network of the size has them. A layer that comes from no node one can tell belongs
    to the output.

    Args:
        graph: As deployed, of which the file was made.
        layers: In the order of execution.
        height: Of the input, in pixels.
        width: Of the input, in pixels.
    """
    costs = [0.0] * len(graph.nodes)
    macs = _macs_of(graph, graph.shapes(height, width))
    used: set[int] = set()
    for op, tensor, layer_macs, cost in layers:
        place = 0
        if cost and op != "Quantize":  # what costs nothing is part of the layer before it
            named = _named(graph, tensor)
            alike = [i for i, found in macs.items() if layer_macs in found]
            place = _place(graph, op, alike, named, used)
            used.add(place)
        costs[place] += cost
    return tuple(costs)


def _named(graph: Graph, tensor: str) -> list[int]:
    """Positions of the nodes that a tensor's name holds, as `nas.readers.to_keras` writes them."""
    found = re.findall(r"([a-z0-9]+?)_(\d+)", tensor)
    return [
        int(position)
        for kind, position in found
        if int(position) < len(graph.nodes)
        and type(graph.nodes[int(position)].op).__name__.lower() == kind
    ]


def _macs_of(graph: Graph, shapes: tuple[Shape, ...]) -> dict[int, set[int]]:
    """Multiply-adds of each convolution, and of one of its groups."""
    found = {}
    for position, node in enumerate(graph.nodes):
        if isinstance(node.op, _CONVS):
            kernel = getattr(node.op, "kernel", 1)
            groups = getattr(node.op, "groups", 1)
            read, written = shapes[node.inputs[0]], shapes[position]
            macs = kernel**2 * read.channels // groups * written.elements
            found[position] = {macs, macs // groups}
    return found


def _place(graph: Graph, op: str, alike: list[int], named: list[int], used: set[int]) -> int:
    """The node of a layer: of the right size, or at least of its kind, and near the named ones.

    Args:
        graph: The network.
        op: Kind of the layer in the file.
        alike: Convolutions of as many multiply-adds.
        named: Nodes that its tensor's name holds.
        used: Nodes that have a layer already; one with groups has several.
    """

    def merits(position: int) -> tuple[bool, ...]:
        readers = graph.consumers[position]
        near = {*readers, *(after for reader in readers for after in graph.consumers[reader])}
        grouped = getattr(graph.nodes[position].op, "groups", 1) > 1
        return position in named, not near.isdisjoint(named), grouped or position not in used

    kinds = _CONVS if "Conv" in op else _NODES_OF.get(op, ())
    of_kind = [i for i, node in enumerate(graph.nodes) if isinstance(node.op, kinds)]
    for able in (alike, of_kind):
        best = max(able, key=merits, default=None)
        if best is not None and (not named or any(merits(best)[:2])):
            return best
    return [*named, len(graph.nodes) - 1][0]
