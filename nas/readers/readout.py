"""Where a network writes its pixels: the last linear convolution, which can be solved directly."""

from dataclasses import dataclass

from nas.graph import Add, Clip, Conv2d, DepthToSpace, Graph, Relu

__all__ = ["Readout", "find_readout"]


@dataclass(frozen=True, slots=True)
class Readout:
    """The last convolution and what is added to it.

    Args:
        conv: Position of a linear convolution from which only sums and limits lead to the output.
        added: Position of the node that is added to it, or None.
        block: Of the depth-to-space between `conv` and the output; 1 without one.
        shuffled: Whether the sum stands behind the depth-to-space.
    """

    conv: int
    added: int | None
    block: int
    shuffled: bool = False


def find_readout(graph: Graph) -> Readout | None:
    """The readout of a network, or None where its end is not linear (PureConvSR)."""
    position, block = len(graph.nodes) - 1, 1
    while isinstance(op := graph.nodes[position].op, DepthToSpace | Clip | Relu):
        if isinstance(op, DepthToSpace):
            block *= op.block
            if block > op.block:
                return None
        position = graph.nodes[position].inputs[0]
    if not isinstance(graph.nodes[position].op, Add):
        return Readout(position, None, block) if _is_free(graph, position) else None
    found = []
    for this, other in (pair := graph.nodes[position].inputs), pair[::-1]:
        behind = graph.nodes[this].op
        if isinstance(behind, DepthToSpace) and block == 1 and len(graph.consumers[this]) == 1:
            found.append(Readout(graph.nodes[this].inputs[0], other, behind.block, shuffled=True))
        else:
            found.append(Readout(this, other, block))
    # Of two linear convs that are added, the trunk's is the one that does not read the image.
    free = [readout for readout in found if _is_free(graph, readout.conv)]
    return max(free, key=lambda readout: graph.nodes[readout.conv].inputs[0], default=None)


def _is_free(graph: Graph, position: int) -> bool:
    """Whether a node is a linear convolution whose output has one reader."""
    op = graph.nodes[position].op
    return (
        isinstance(op, Conv2d)
        and (op.activation, op.groups, op.stride) == ("none", 1, 1)
        and len(graph.consumers[position]) <= 1
    )
