"""The start of training: the image travels unchanged beside random features.

Three paths of centre-one kernels carry R, G and B from the input to the readout, through slices,
concats and groups; every other weight is He-normal times a gain. Training then starts from nearest
upsampling, which a closed-form solve of the readout improves at once, instead of from noise.
"""

import numpy as np

from nas.graph import (
    Add,
    Concat,
    Conv2d,
    GlobalAveragePool,
    Graph,
    Input,
    Multiply,
    NearestConv2d,
    Node,
    Repeat,
    Slice,
    SpaceToDepth,
)
from nas.readers.readout import find_readout
from nas.readers.weights import Array, he_normal, initial_weights, weight_nodes
from nas.train.stages import Recipe

__all__ = ["he_start", "identity_start", "start_of"]

Carried = dict[int, int]  # colour -> channel that holds it


def start_of(graph: Graph, recipe: Recipe, *, seed: int) -> dict[str, Array]:
    """The weights with which a recipe begins."""
    begin = identity_start if recipe.start == "identity" else he_start
    return begin(graph, seed=seed, gain=recipe.gain)


def he_start(graph: Graph, *, seed: int, gain: float) -> dict[str, Array]:
    """He-normal kernels times `gain`, no biases, normalisations that change nothing."""
    rng = np.random.default_rng(seed)
    found: dict[str, Array] = {}
    for position, _, parts in weight_nodes(graph):
        for part, shape in parts.items():
            random = part == "kernel"
            start = he_normal(shape, rng) * gain if random else initial_weights(part, shape)
            found[f"{position}/{part}"] = start
    return found


def identity_start(graph: Graph, *, seed: int, gain: float) -> dict[str, Array]:
    """Weights that carry the image to the readout, which upsamples it by copying."""
    rng = np.random.default_rng(seed)
    readout = find_readout(graph)
    route = _longest_route(graph, readout.conv if readout else len(graph.nodes) - 1)
    shapes = graph.shapes(12, 12)
    weights: dict[str, Array] = {}
    carried: list[Carried] = []
    claimed: set[tuple[int, int]] = set()  # (node, colour) that a convolution already reads
    parts = {position: found for position, _, found in weight_nodes(graph)}
    for position, node in enumerate(graph.nodes):
        op = node.op
        for part, shape in parts.get(position, {}).items():
            random = part == "kernel"
            start = he_normal(shape, rng) * gain if random else initial_weights(part, shape)
            weights[f"{position}/{part}"] = start
        if not isinstance(op, Conv2d):
            sources = [carried[i] for i in node.inputs]
            widths = [shapes[i].channels for i in node.inputs]
            carried.append(_passed_on(node, sources, widths, graph.channels))
            continue
        kernel = weights[f"{position}/kernel"]
        held: Carried = {}
        if _is_trained_anchor(graph, position):
            held = {colour: colour for colour in range(graph.channels)}
            kernel = _nearest_kernel(kernel, held, graph.channels)
        elif readout and position == readout.conv:
            image = {} if readout.added is not None else carried[node.inputs[0]]
            kernel = _nearest_kernel(kernel, image, graph.channels)
        elif position in route:
            held = _carry(kernel, op, carried[node.inputs[0]], node.inputs[0], claimed)
        carried.append(held)
        weights[f"{position}/kernel"] = kernel
    return weights


def _longest_route(graph: Graph, end: int) -> frozenset[int]:
    """Nodes before `end`; of rival convolutions on one tensor only those on a longest way."""
    depth = {end: 0}
    for position in range(end, -1, -1):
        if position in depth:
            for i in graph.nodes[position].inputs:
                depth[i] = max(depth.get(i, 0), depth[position] + 1)
    route = set()
    for position, found in depth.items():
        rivals = [r for i in graph.nodes[position].inputs for r in graph.consumers[i] if r in depth]
        if isinstance(graph.nodes[position].op, Conv2d) and found < max(depth[r] for r in rivals):
            continue
        route.add(position)
    return frozenset(route)


def _passed_on(node: Node, sources: list[Carried], widths: list[int], colours: int) -> Carried:
    """Where an op without trained weights leaves the colours that its inputs hold."""
    op = node.op
    if isinstance(op, Input):
        return {colour: colour for colour in range(colours)}
    if isinstance(op, NearestConv2d | Repeat):
        return dict(sources[0])  # the first copy lies where the input lay
    if isinstance(op, Slice):
        inside = range(op.begin, op.begin + op.size)
        return {c: place - op.begin for c, place in sources[0].items() if place in inside}
    if isinstance(op, Concat):
        found: Carried = {}
        offset = 0
        for source, width in zip(sources, widths, strict=True):
            for colour, place in source.items():
                found.setdefault(colour, offset + place)
            offset += width
        return found
    if isinstance(op, Add | Multiply | GlobalAveragePool | SpaceToDepth):
        return {}
    return dict(sources[0])


def _is_trained_anchor(graph: Graph, position: int) -> bool:
    node = graph.nodes[position]
    copies = graph.channels * graph.scale**2
    return (
        isinstance(node.op, Conv2d)
        and node.op.features == copies
        and node.op.activation == "none"
        and isinstance(graph.nodes[node.inputs[0]].op, Input)
        and position != getattr(find_readout(graph), "conv", None)
    )


def _nearest_kernel(kernel: Array, held: Carried, colours: int) -> Array:
    """Copies of the colours that lie in channels `held`; nearest upsampling after a shuffle."""
    found = np.zeros_like(kernel)
    centre = kernel.shape[0] // 2
    for colour, place in held.items():
        found[centre, centre, place, colour::colours] = 1
    return found


def _carry(
    kernel: Array, op: Conv2d, held: Carried, source: int, claimed: set[tuple[int, int]]
) -> Carried:
    """Makes channels of `kernel` copy the colours in `held` that no rival reads yet."""
    centre = op.kernel // 2
    group_inputs, group_features = kernel.shape[2], op.features // op.groups
    used = [0] * op.groups
    found: Carried = {}
    for colour, place in held.items():
        group = place // group_inputs
        if (source, colour) in claimed or used[group] == group_features:
            continue
        claimed.add((source, colour))
        feature = group * group_features + used[group]
        used[group] += 1
        kernel[:, :, :, feature] = 0
        kernel[centre, centre, place % group_inputs, feature] = 1
        found[colour] = feature
    return found
