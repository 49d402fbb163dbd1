"""What rewrites share: a plan of changes node by node, its execution, and how one refuses."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from nas.errors import RewriteError
from nas.graph.graph import Graph, GraphBuilder
from nas.graph.names import op_text
from nas.graph.ops import Op

__all__ = ["Array", "Layer", "Plan", "Weights", "carry_out", "parts_at", "refusal"]

Array = npt.NDArray[np.float32]
Weights = Mapping[str, Array]
"""Arrays by "<node position>/<part>", a kernel being (height, width, inputs, features)."""


@dataclass(frozen=True, slots=True)
class Layer:
    """An op and its weights by part."""

    op: Op
    parts: Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of a graph; nodes that are not named stay as they are.

    Args:
        replaced: By position the layers, one after the other, that stand where the node stood.
        dropped: By position which node is read in place of this one, earlier in the graph.
    """

    replaced: dict[int, tuple[Layer, ...]] = field(default_factory=dict)
    dropped: dict[int, int] = field(default_factory=dict)


def carry_out(plan: Plan, graph: Graph, weights: Weights) -> tuple[Graph, dict[str, Array]]:
    """The canonical graph after `plan`, and its weights under their new positions."""
    g = GraphBuilder(graph.channels)
    handles = {0: g.input}
    held: dict[int, Mapping[str, Array]] = {}
    for position, node in enumerate(graph.nodes[1:], start=1):
        if position in plan.dropped:
            handles[position] = handles[plan.dropped[position]]
            continue
        inputs = [handles[i] for i in node.inputs]
        same = (Layer(node.op, parts_at(weights, position)),)
        for layer in plan.replaced.get(position, same):
            inputs = [g.append(layer.op, *inputs)]
            held[inputs[0]] = layer.parts
        handles[position] = inputs[0]
    found, place = g.freeze(handles[len(graph.nodes) - 1])
    kept = sorted((place[handle], parts) for handle, parts in held.items() if handle in place)
    return found, {f"{at}/{part}": array for at, parts in kept for part, array in parts.items()}


def parts_at(weights: Weights, position: int) -> dict[str, Array]:
    """The weights of one node, by part."""
    prefix = f"{position}/"
    return {k.removeprefix(prefix): array for k, array in weights.items() if k.startswith(prefix)}


def refusal(rule: str, graph: Graph, position: int, why: str, *, hint: str) -> RewriteError:
    """The error that says which `rule` the node at `position` breaks, and what to do."""
    op = op_text(graph.nodes[position].op)
    return RewriteError(f"{rule}, but node {position} of {graph.digest}, {op}, {why}", hint)
