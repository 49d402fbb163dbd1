"""Which tensors of a network are never below zero, told from its ops."""

from nas.graph import (
    Add,
    Clip,
    Concat,
    Conv2d,
    DepthToSpace,
    GlobalAveragePool,
    Graph,
    Input,
    Multiply,
    NearestConv2d,
    Relu,
    Repeat,
    ResizeNearest,
    Sigmoid,
    Slice,
    SpaceToDepth,
)

__all__ = ["unsigned_nodes"]

_KEEP = (
    *(Add, Concat, DepthToSpace, GlobalAveragePool, Multiply, NearestConv2d),
    *(Repeat, ResizeNearest, Slice, SpaceToDepth),
)
"""Ops that make nothing negative of what is not."""


def unsigned_nodes(graph: Graph) -> frozenset[int]:
    """Positions of the nodes whose values cannot be negative, whatever the weights."""
    found: set[int] = set()
    for position, node in enumerate(graph.nodes):
        op = node.op
        rectified = isinstance(op, Input | Relu | Sigmoid) or (
            isinstance(op, Conv2d) and op.activation == "relu"
        )
        kept = isinstance(op, _KEEP) and found.issuperset(node.inputs)
        limited = isinstance(op, Clip) and op.low >= 0
        if rectified or kept or limited:
            found.add(position)
    return frozenset(found)
