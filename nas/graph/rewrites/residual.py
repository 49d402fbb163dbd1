"""Upsampling by copies and a sum, moved into the convolutions of the trunk."""

from dataclasses import replace

import numpy as np

from nas.errors import RewriteError
from nas.graph.graph import Graph
from nas.graph.ops import Add, BatchNorm, Conv2d, Input, NearestConv2d, Op, Repeat
from nas.graph.rewrites.plan import Array, Layer, Plan, Weights, carry_out, parts_at, refusal

__all__ = ["carry_residual"]

RULE = "carry_residual needs a trunk of convolutions, one after the other, from the image to a sum"


def carry_residual(graph: Graph, weights: Weights) -> tuple[Graph, dict[str, Array]]:
    """A network without the copies of the image and the sum they are added in.

    As many more channels as the image has carry it through every convolution of the trunk, by
    kernels that are 1 in the centre; the last convolution adds channel j mod 3 to its output j.

    Promise: the same output, up to rounding, for every image that is nowhere negative (ReLU would
    cut it); the sum of the image and the trunk, and copies that only it reads, are gone.

    Args:
        graph: Its one sum with the image, or with `Repeat` or `NearestConv2d` of it, takes as
            other input a chain of convolutions without groups that begins at the image; their
            strides are 1, or the sum would not fit. The last one has no activation, the others
            none or ReLU.
        weights: Of `graph.deployed`.

    Raises:
        RewriteError: The graph is not of this kind.

    Source:
        PureConvSR, Mobile AI & AIM 2022 report (arXiv:2211.05910), section 4.3.
    """
    graph = graph.deployed
    total, readout = _sum_with_image(graph)
    trunk = _trunk(graph, total, readout)
    plan = Plan(dropped={total: readout})
    for position, op in trunk.items():
        first, last = graph.nodes[position].inputs == (0,), position == readout
        parts = parts_at(weights, position)
        wide = _carrying(parts["kernel"], graph.channels, first=first, last=last)
        if not last:
            op = replace(op, features=op.features + graph.channels)
            if op.bias:
                parts["bias"] = np.pad(parts["bias"], (0, graph.channels))
        plan.replaced[position] = (Layer(op, parts | {"kernel": wide}),)
    return carry_out(plan, graph, weights)


def _sum_with_image(graph: Graph) -> tuple[int, int]:
    """The positions of the sum with the image and of what is added to the image."""
    found = [
        (position, other)
        for position, node in enumerate(graph.nodes)
        if isinstance(node.op, Add)
        for image, other in (node.inputs, node.inputs[::-1])
        if _is_image(graph, image)
    ]
    if len(found) != 1:
        raise RewriteError(
            "carry_residual needs one sum with the image or with copies of it, "
            f"but {graph.digest} has {len(found)}",
            "copies are Repeat or NearestConv2d of the image; a convolution of it is none",
        )
    return found[0]


def _is_image(graph: Graph, position: int) -> bool:
    node = graph.nodes[position]
    copied = isinstance(node.op, Repeat | NearestConv2d) and node.inputs == (0,)
    return copied or isinstance(node.op, Input)


def _trunk(graph: Graph, total: int, readout: int) -> dict[int, Conv2d]:
    """The convolutions from the one before the sum back to the one that reads the image."""
    found: dict[int, Conv2d] = {}
    position, reader = readout, total
    while position != 0:
        op = graph.nodes[position].op
        if not isinstance(op, Conv2d):
            raise refusal(RULE, graph, position, "is no convolution", hint=_hint(op))
        if op.groups > 1:
            hint = "only a convolution of all channels can carry the image on"
            raise refusal(RULE, graph, position, "has groups", hint=hint)
        if position == readout and op.activation != "none":
            hint = "the sum would come before the activation; leave it out"
            raise refusal(RULE, graph, position, "has an activation before the sum", hint=hint)
        if graph.consumers[position] != (reader,):
            others = ", ".join(str(i) for i in graph.consumers[position] if i != reader)
            hint = "what else reads it would see the carried channels"
            raise refusal(RULE, graph, position, f"is also read by {others}", hint=hint)
        found[position] = op
        position, reader = graph.nodes[position].inputs[0], position
    return found


def _hint(op: Op) -> str:
    if isinstance(op, BatchNorm):
        return "run fold_batch_norm first"
    return "keep the sum here; slices, concats and inner sums have no kernel to carry the image"


def _carrying(kernel: Array, channels: int, *, first: bool, last: bool) -> Array:
    """`kernel` that also passes the image on: into channels of its own, if `last` onto the result.

    The carried channels come after the others; the first convolution reads the image itself.
    """
    height, width, inputs, features = kernel.shape
    more_in, more_out = 0 if first else channels, 0 if last else channels
    wide = np.zeros((height, width, inputs + more_in, features + more_out), np.float32)
    wide[:, :, :inputs, :features] = kernel
    j = np.arange(features if last else channels)
    source = (0 if first else inputs) + j % channels
    target = (0 if last else features) + j
    wide[height // 2, width // 2, source, target] += 1
    return wide
