"""Batch normalisation, folded into the convolution before it."""

from dataclasses import replace

import numpy as np

from nas.graph.graph import Graph
from nas.graph.ops import NORM_EPSILON, BatchNorm, Conv2d
from nas.graph.rewrites.plan import Array, Layer, Plan, Weights, carry_out, parts_at, refusal

__all__ = ["fold_batch_norm"]

RULE = "fold_batch_norm needs every norm to read a convolution that nothing else reads"


def fold_batch_norm(graph: Graph, weights: Weights) -> tuple[Graph, dict[str, Array]]:
    """A network whose convolutions do the scale and shift of the norms behind them.

    Promise: the same output as with the running statistics, up to rounding; no norm is left.

    Args:
        graph: Each batch normalisation reads a convolution without activation that nothing else
            reads. A graph without norms comes back as it is.
        weights: Of `graph.deployed`.

    Raises:
        RewriteError: A norm reads something else.

    Source:
        Jacob et al. 2018 (arXiv:1712.05877), section 3.2.
    """
    graph = graph.deployed
    plan = Plan()
    for position, node in enumerate(graph.nodes):
        if isinstance(node.op, BatchNorm):
            conv = node.inputs[0]
            op = _normalised(graph, conv, position)
            parts = _folded(parts_at(weights, conv), parts_at(weights, position))
            plan.replaced[conv] = (Layer(replace(op, bias=True), parts),)
            plan.dropped[position] = conv
    return carry_out(plan, graph, weights)


def _normalised(graph: Graph, position: int, norm: int) -> Conv2d:
    op = graph.nodes[position].op
    if not isinstance(op, Conv2d):
        hint = "put the norm right after a convolution"
        raise refusal(RULE, graph, position, "is no convolution", hint=hint)
    if op.activation != "none":
        hint = "put the activation after the norm"
        raise refusal(RULE, graph, position, "has an activation before the norm", hint=hint)
    if graph.consumers[position] != (norm,):
        others = ", ".join(str(i) for i in graph.consumers[position] if i != norm)
        hint = "what else reads it would see normalised values"
        raise refusal(RULE, graph, position, f"is also read by {others}", hint=hint)
    return op


def _folded(conv: dict[str, Array], norm: dict[str, Array]) -> dict[str, Array]:
    gamma, beta, mean, variance = (
        norm[part].astype(np.float64) for part in ("gamma", "beta", "mean", "variance")
    )
    gain = gamma / np.sqrt(variance + NORM_EPSILON)
    kernel = conv["kernel"] * gain
    bias = beta + (conv.get("bias", 0.0) - mean) * gain
    return {"kernel": kernel.astype(np.float32), "bias": bias.astype(np.float32)}
