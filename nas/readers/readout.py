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
    """

    conv: int
    added: int | None


def find_readout(graph: Graph) -> Readout | None:
    """The readout of a network, or None where its end is not linear (PureConvSR)."""
    position = len(graph.nodes) - 1
    while isinstance(graph.nodes[position].op, DepthToSpace | Clip | Relu):
        position = graph.nodes[position].inputs[0]
    candidates: tuple[tuple[int, int | None], ...] = ((position, None),)
    if isinstance(graph.nodes[position].op, Add):
        a, b = graph.nodes[position].inputs
        candidates = ((a, b), (b, a))
    # Of two linear convs that are added, the trunk's is the one that does not read the image.
    for conv, added in sorted(candidates, key=lambda c: -graph.nodes[c[0]].inputs[0]):
        op = graph.nodes[conv].op
        alone = len(graph.consumers[conv]) <= 1
        if isinstance(op, Conv2d) and op.activation == "none" and op.groups == 1 and alone:
            return Readout(conv, added)
    return None
