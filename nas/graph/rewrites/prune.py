"""Channels taken out of a network, with the weights that make and read them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from nas.errors import RewriteError
from nas.graph.graph import Graph
from nas.graph.ops import (
    Add,
    BatchNorm,
    Clip,
    Concat,
    Conv2d,
    GlobalAveragePool,
    LeakyRelu,
    Op,
    Prelu,
    Relu,
    ResizeBicubic,
    ResizeNearest,
    Slice,
    Tanh,
)
from nas.graph.rewrites.plan import Array, Layer, Plan, Weights, carry_out, parts_at, refusal

__all__ = ["inner_convs", "prune_channels"]

Channels = npt.NDArray[np.int64]
"""Which channels of a tensor stay, ascending."""

RULE = "prune_channels needs what it takes out to go into convolutions only"
_KEEP_ZERO = Relu | LeakyRelu | Prelu | Tanh | GlobalAveragePool | ResizeNearest | ResizeBicubic


def prune_channels(
    graph: Graph, weights: Weights, kept: Mapping[int, Sequence[int]]
) -> tuple[Graph, dict[str, Array]]:
    """A network some of whose convolutions make fewer channels.

    Train-time forms stay, for the network goes on training.

    Promise: the same output, up to the order of sums, if what goes was zero for every image.

    Args:
        graph: From each pruned convolution only rectifiers and the like, concats, slices, and sums
            of equally pruned tensors lead to convolutions without groups.
        weights: Of `graph.deployed`.
        kept: By position of a convolution without groups the channels that stay, ascending.

    Raises:
        RewriteError: The graph is not of this kind.
    """
    widths = [shape.channels for shape in graph.shapes(12, 12)]
    plan, stays = Plan(), [np.arange(width) for width in widths]
    for position, node in enumerate(graph.nodes):
        reads = [stays[i] for i in node.inputs]
        parts = parts_at(weights, position)
        op = node.op
        if any(len(stays[i]) < widths[i] for i in node.inputs):
            inputs = [widths[i] for i in node.inputs]
            op, stays[position] = _passed_on(graph, position, reads, inputs)
            if isinstance(op, Conv2d):
                parts["kernel"] = parts["kernel"][:, :, reads[0]]
            elif "slope" in parts and not getattr(op, "shared", False):
                parts["slope"] = parts["slope"][reads[0]]
        if position in kept:
            stays[position] = np.array(kept[position])
            op = _narrowed(graph, position, op, len(kept[position]))
            parts = {part: array[..., stays[position]] for part, array in parts.items()}
        plan.replaced[position] = (Layer(op, parts),)
    last = len(graph.nodes) - 1
    if len(stays[last]) < widths[last]:
        raise _refused(graph, last, "is the output", "the image keeps all of its channels")
    return carry_out(plan, graph, weights)


def inner_convs(graph: Graph) -> dict[int, Conv2d]:
    """By position the convolutions whose results reach the output through others only."""
    outer: set[int] = set()
    front = [len(graph.nodes) - 1]
    while front:
        position = front.pop()
        outer.add(position)
        if not isinstance(graph.nodes[position].op, Conv2d):
            front += graph.nodes[position].inputs
    return {
        position: node.op
        for position, node in enumerate(graph.nodes)
        if isinstance(node.op, Conv2d) and position not in outer
    }


def _passed_on(
    graph: Graph, position: int, reads: list[Channels], widths: list[int]
) -> tuple[Op, Channels]:
    """A node whose inputs, once of `widths`, have lost channels, and which of its own stay."""
    op = graph.nodes[position].op
    if isinstance(op, Conv2d) and op.groups == 1:
        return op, np.arange(op.features)
    if isinstance(op, _KEEP_ZERO) or (isinstance(op, Clip) and op.low <= 0 <= op.high):
        return op, reads[0]
    if isinstance(op, Concat):
        offsets = np.cumsum([0, *widths[:-1]])
        return op, np.concatenate([x + first for x, first in zip(reads, offsets, strict=True)])
    if isinstance(op, Slice):
        begin, end = np.searchsorted(reads[0], [op.begin, op.begin + op.size]).tolist()
        if begin < end:
            return Slice(begin, end - begin), reads[0][begin:end] - op.begin
    if isinstance(op, Add) and np.array_equal(reads[0], reads[1]):
        return op, reads[0]
    raise _refused(graph, position, *_why_not(op))


def _why_not(op: Op) -> tuple[str, str]:
    """What is wrong with a reader of pruned channels, and a way out."""
    if isinstance(op, Conv2d):
        return "has groups", "each channel belongs to a group; leave what it reads whole"
    if isinstance(op, Slice):
        return "would be left without channels", "keep some in its range"
    if isinstance(op, Add):
        return "adds tensors of which other channels stay", "prune both alike, or neither"
    if isinstance(op, BatchNorm):
        return "shifts it", "run fold_batch_norm first"
    return "reads it", "leave the convolution before it whole"


def _narrowed(graph: Graph, position: int, op: Op, features: int) -> Conv2d:
    if not isinstance(op, Conv2d):
        raise _refused(graph, position, "is no convolution", "name a convolution")
    if op.groups > 1:
        hint = "each channel belongs to a group; leave it whole"
        raise _refused(graph, position, "has groups", hint)
    return replace(op, features=features)


def _refused(graph: Graph, position: int, why: str, hint: str) -> RewriteError:
    return refusal(RULE, graph, position, why, hint=hint)
