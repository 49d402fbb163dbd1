"""Which kinds of ops a latency model has seen, and the refusal where it has not."""

from collections.abc import Iterable, Mapping

from nas.errors import DeviceError, UnknownOpError
from nas.graph import Conv2d, Graph, Op, Shape

__all__ = [
    "THIN_GRAPHS",
    "UncoveredOpError",
    "check_covered",
    "count_kinds",
    "op_kind",
    "thin_share",
]

THIN_GRAPHS = 3  # kinds seen in fewer distinct graphs than this are thinly covered


class UncoveredOpError(DeviceError, UnknownOpError):
    """A latency model was asked about a kind of op that no fitted row holds."""


def op_kind(op: Op) -> str:
    """What a device has a kernel of its own for: the class, for convolutions with their kernel."""
    if isinstance(op, Conv2d):
        return f"Conv2d(kernel={op.kernel}{', groups>1' if op.groups > 1 else ''})"
    return type(op).__name__


def count_kinds(graphs: Iterable[Graph]) -> dict[str, int]:
    """In how many of `graphs` each kind of op occurs."""
    counts: dict[str, int] = {}
    for graph in graphs:
        for kind in {op_kind(node.op) for node in graph.nodes}:
            counts[kind] = counts.get(kind, 0) + 1
    return dict(sorted(counts.items()))


def check_covered(graph: Graph, covered: Mapping[str, int], *, device: str) -> None:
    """Raises `UncoveredOpError` at the first op of a kind that is not in `covered`."""
    for position, node in enumerate(graph.nodes):
        kind = op_kind(node.op)
        if kind not in covered:
            raise UncoveredOpError(
                f"the latency model of {device} never saw {kind}, node {position} of "
                f"{graph.digest} (seen: {', '.join(covered)})",
                f"leave it out, or add a measured network with it to latency_models/{device}/"
                f"measurements.csv, then `nas latency fit {device}`",
            )


def thin_share(graph: Graph, shapes: tuple[Shape, ...], covered: Mapping[str, int]) -> float:
    """The part of the written bytes that comes from thinly covered kinds of ops, 0 to 1."""
    written = [shape.elements for shape in shapes[1:]]
    thin = (
        size
        for node, size in zip(graph.nodes[1:], written, strict=True)
        if covered.get(op_kind(node.op), 0) < THIN_GRAPHS
    )
    return sum(thin) / max(sum(written), 1)
