"""Legality: what "full INT8 on a mobile NPU" allows, as a table composed per target."""

from collections.abc import Callable
from dataclasses import dataclass

from nas.errors import IllegalError
from nas.graph.graph import Graph, Node
from nas.graph.ops import OPS, Clip, Conv2d, DepthToSpace, Op, Shape

__all__ = ["MOBILE_NPU", "Target", "check_legal", "violations"]

Rule = Callable[[Node, tuple[Shape, ...], Shape], str | None]


def _kernel_fits_the_mac_array(node: Node, xs: tuple[Shape, ...], y: Shape) -> str | None:
    if isinstance(node.op, Conv2d) and node.op.kernel > 7:
        return f"kernel {node.op.kernel} is over 7, where NPUs fall back to the CPU"
    return None


def _clip_is_the_image_range(node: Node, xs: tuple[Shape, ...], y: Shape) -> str | None:
    if isinstance(node.op, Clip) and (node.op.low, node.op.high) != (0.0, 1.0):
        return "a clip to other than 0..1 is no integer MINIMUM and RELU after rescaling"
    return None


def _depth_to_space_is_last_resize(node: Node, xs: tuple[Shape, ...], y: Shape) -> str | None:
    if isinstance(node.op, DepthToSpace) and node.op.block > 4:
        return f"block {node.op.block} is over 4"
    return None


def _channels_fit(node: Node, xs: tuple[Shape, ...], y: Shape) -> str | None:
    return f"{y.channels} channels are over 512" if y.channels > 512 else None


@dataclass(frozen=True, slots=True)
class Target:
    """What a kind of device can run: its ops, and rules that each node must obey."""

    name: str
    ops: frozenset[type[Op]]
    rules: tuple[Rule, ...]


MOBILE_NPU = Target(
    name="mobile-npu",
    ops=OPS,
    rules=(
        _kernel_fits_the_mac_array,
        _clip_is_the_image_range,
        _depth_to_space_is_last_resize,
        _channels_fit,
    ),
)


def violations(graph: Graph, target: Target = MOBILE_NPU) -> tuple[str, ...]:
    """Why `target` cannot run `graph`, one sentence a node; empty where it can."""
    shapes = graph.shapes(12, 12)
    found = []
    for position, node in enumerate(graph.nodes):
        if type(node.op) not in target.ops:
            found.append(f"node {position}: {target.name} has no {type(node.op).__name__}")
        xs = tuple(shapes[i] for i in node.inputs)
        reasons = (rule(node, xs, shapes[position]) for rule in target.rules)
        found.extend(f"node {position}: {reason}" for reason in reasons if reason)
    if shapes[-1].channels != graph.channels:
        found.append(f"the output has {shapes[-1].channels} channels, the input {graph.channels}")
    return tuple(found)


def check_legal(graph: Graph, target: Target = MOBILE_NPU) -> None:
    """Raises `IllegalError` with every violation."""
    found = violations(graph, target)
    if found:
        raise IllegalError(f"{target.name} cannot run {graph.digest}: {'; '.join(found)}")
