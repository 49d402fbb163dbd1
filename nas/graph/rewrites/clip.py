"""The clip to the image's range, made by two convolutions with ReLU."""

from dataclasses import replace

import numpy as np

from nas.graph.graph import Graph
from nas.graph.ops import Clip, Conv2d, DepthToSpace
from nas.graph.rewrites.plan import Array, Layer, Plan, Weights, carry_out, parts_at, refusal

__all__ = ["clip_by_convs"]

RULE = "clip_by_convs needs every clip to be 0..1 of a convolution that nothing else reads"


def clip_by_convs(graph: Graph, weights: Weights) -> tuple[Graph, dict[str, Array]]:
    """A network whose clips are n = ReLU(1 - y), then ReLU(1 - n).

    The first is the convolution that makes y, negated, with 1 added to its bias; the second is a
    1x1 convolution of weight -1 and bias 1. A clip after depth-to-space moves before it.

    Promise: the same output, up to rounding; no clip is left.

    Args:
        graph: Each clip is 0..1 and reads a convolution without activation, or depth-to-space of
            one, that nothing else reads. A graph without clips comes back as it is.
        weights: Of `graph.deployed`.

    Raises:
        RewriteError: A clip is not of this kind.

    Source:
        PureConvSR, Mobile AI & AIM 2022 report (arXiv:2211.05910), section 4.3.
    """
    graph = graph.deployed
    plan = Plan()
    for position, node in enumerate(graph.nodes):
        if isinstance(node.op, Clip):
            conv, op = _clipped(graph, position)
            plan.replaced[conv] = _two_convs(op, parts_at(weights, conv))
            plan.dropped[position] = node.inputs[0]
    return carry_out(plan, graph, weights)


def _clipped(graph: Graph, clip: int) -> tuple[int, Conv2d]:
    """The position and op of the convolution whose output the clip limits."""
    if graph.nodes[clip].op != Clip(0.0, 1.0):
        hint = "values run from 0 to 1; two ReLU make no other lower limit than 0"
        raise refusal(RULE, graph, clip, "has other limits", hint=hint)
    position, reader = graph.nodes[clip].inputs[0], clip
    if isinstance(graph.nodes[position].op, DepthToSpace):
        _check_one_reader(graph, position, reader)
        position, reader = graph.nodes[position].inputs[0], position
    op = graph.nodes[position].op
    if not isinstance(op, Conv2d):
        hint = "run carry_residual first where a sum with the image is clipped"
        raise refusal(RULE, graph, position, "is no convolution", hint=hint)
    if op.activation != "none":
        hint = "after ReLU the lower limit is there already; leave the activation to the clip"
        raise refusal(RULE, graph, position, "has an activation", hint=hint)
    _check_one_reader(graph, position, reader)
    return position, op


def _check_one_reader(graph: Graph, position: int, reader: int) -> None:
    if graph.consumers[position] != (reader,):
        others = ", ".join(str(i) for i in graph.consumers[position] if i != reader)
        hint = "what else reads it would see clipped values"
        raise refusal(RULE, graph, position, f"is also read by {others}", hint=hint)


def _two_convs(op: Conv2d, parts: dict[str, Array]) -> tuple[Layer, Layer]:
    bias = parts.get("bias", np.zeros(op.features, np.float32))
    upper = {"kernel": -parts["kernel"], "bias": 1 - bias}
    minus = -np.eye(op.features, dtype=np.float32)[None, None]
    lower = {"kernel": minus, "bias": np.ones(op.features, np.float32)}
    return (
        Layer(replace(op, activation="relu", bias=True), upper),
        # 8 bits, whatever the first has: fewer would coarsen what the clip passes on
        Layer(Conv2d(op.features, kernel=1, activation="relu"), lower),
    )
