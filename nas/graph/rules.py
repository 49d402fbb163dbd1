"""Legality: what "full INT8 on a mobile NPU" allows, as a table composed per target."""

from collections.abc import Callable
from dataclasses import dataclass

from nas.errors import IllegalError
from nas.graph.graph import Graph, Node
from nas.graph.ops import (
    OPS,
    BatchNorm,
    Clip,
    Conv2d,
    Op,
    ResizeBicubic,
    Shape,
    Sigmoid,
    Tanh,
    TransposedConv2d,
)

__all__ = ["MOBILE_NPU", "Target", "check_legal", "violations"]

Rule = Callable[[Node, tuple[Shape, ...], Shape], str | None]


def _kernel_is_of_a_known_size(node: Node, xs: tuple[Shape, ...], y: Shape) -> str | None:
    if isinstance(node.op, Conv2d | TransposedConv2d) and node.op.kernel > 9:
        return f"kernel {node.op.kernel} is over 9, larger than any network published for NPUs"
    return None


def _clip_is_the_image_range(node: Node, xs: tuple[Shape, ...], y: Shape) -> str | None:
    if isinstance(node.op, Clip) and (node.op.low, node.op.high) != (0.0, 1.0):
        return "a clip to other than 0..1 is no integer MINIMUM and RELU after rescaling"
    return None


@dataclass(frozen=True, slots=True)
class Target:
    """What a kind of device can run: its ops, and rules that each node must obey."""

    name: str
    ops: frozenset[type[Op]]
    rules: tuple[Rule, ...]


MOBILE_NPU = Target(
    name="mobile-npu",
    ops=OPS - {BatchNorm, ResizeBicubic},  # norms are folded first; no integer kernel is bicubic
    rules=(_kernel_is_of_a_known_size, _clip_is_the_image_range),
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
    if isinstance(graph.nodes[-1].op, Sigmoid | Tanh):
        found.append("the output is a sigmoid or tanh, whose integer codes are not those of uint8")
    if shapes[-1].channels != graph.channels:
        found.append(f"the output has {shapes[-1].channels} channels, the input {graph.channels}")
    return tuple(found)


def check_legal(graph: Graph, target: Target = MOBILE_NPU) -> None:
    """Raises `IllegalError` with every violation."""
    found = violations(graph, target)
    if found:
        raise IllegalError(f"{target.name} cannot run {graph.digest}: {'; '.join(found)}")
