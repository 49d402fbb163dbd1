"""Which kinds of ops a latency model has seen, and the refusal where it has not."""

from collections.abc import Iterable, Mapping, Sequence

from nas.errors import DeviceError, UnknownOpError
from nas.graph import Conv2d, Graph, Op, Shape, TransposedConv2d

__all__ = [
    "THIN_GRAPHS",
    "UncoveredOpError",
    "check_covered",
    "count_kinds",
    "op_kind",
    "op_kinds",
    "thin_share",
]

THIN_GRAPHS = 3  # kinds seen in fewer distinct graphs than this are thinly covered
_PROBE = 2**8 * 3**2 * 5 * 7  # pixels; whatever a network divides its image by, this it divides


class UncoveredOpError(DeviceError, UnknownOpError):
    """A latency model was asked about a kind of op that no fitted row holds."""


def op_kind(op: Op, reads: Sequence[Shape], writes: Shape, *, image: Shape) -> str:
    """What a device has a kernel of its own for: "Conv2d(kernel=3, stride=2) at x1 to under x1".

    Args:
        op: Any.
        reads: Shapes of its inputs.
        writes: Shape of its output.
        image: Shape of the network's input.

    Returns:
        The class; kernel, groups and stride where it has them; whether it works at the resolution
        of the image, under it or over it. How far over decides no kernel, only its bytes.
    """
    traits = []
    if isinstance(op, Conv2d | TransposedConv2d):
        traits.append(f"kernel={op.kernel}")
    if isinstance(op, Conv2d) and op.groups > 1:
        traits.append("depthwise" if op.groups == reads[0].channels else "groups>1")
    at = _resolution(writes, image)
    if isinstance(op, Conv2d | TransposedConv2d) and op.stride > 1:
        traits.append(f"stride={op.stride}")
        at = f"{_resolution(reads[0], image)} to {at}"
    name = type(op).__name__
    return f"{name}({', '.join(traits)}) at {at}" if traits else f"{name} at {at}"


def op_kinds(graph: Graph) -> tuple[str, ...]:
    """The kind of each node, whatever the size of the image."""
    shapes = graph.shapes(_PROBE, _PROBE)
    return tuple(
        op_kind(node.op, [shapes[i] for i in node.inputs], shape, image=shapes[0])
        for node, shape in zip(graph.nodes, shapes, strict=True)
    )


def count_kinds(graphs: Iterable[Graph]) -> dict[str, int]:
    """In how many of `graphs` each kind of op occurs."""
    counts: dict[str, int] = {}
    for graph in graphs:
        for kind in set(op_kinds(graph)):
            counts[kind] = counts.get(kind, 0) + 1
    return dict(sorted(counts.items()))


def check_covered(graph: Graph, covered: Mapping[str, int], *, device: str, hint: str = "") -> None:
    """Refuses a network with an op that was never measured.

    Args:
        graph: The network.
        covered: Kinds that were measured, as `count_kinds` gives them.
        device: Its name, for the message.
        hint: How to measure it (`Device.way_to_measure`).

    Raises:
        UncoveredOpError: Names the first op of another kind.
    """
    for position, kind in enumerate(op_kinds(graph)):
        if kind not in covered:
            raise UncoveredOpError(
                f"the latency model of {device} never saw {kind}, node {position} of "
                f"{graph.digest} (seen: {', '.join(covered)})",
                hint,
            )


def thin_share(graph: Graph, shapes: tuple[Shape, ...], covered: Mapping[str, int]) -> float:
    """The part of the written bytes that comes from thinly covered kinds of ops, 0 to 1."""
    written = [shape.elements for shape in shapes[1:]]
    thin = (
        size
        for kind, size in zip(op_kinds(graph)[1:], written, strict=True)
        if covered.get(kind, 0) < THIN_GRAPHS
    )
    return sum(thin) / max(sum(written), 1)


def _resolution(shape: Shape, image: Shape) -> str:
    if shape.height == 1:
        return "one pixel"
    if shape.height == image.height:
        return "x1"
    return "over x1" if shape.height > image.height else "under x1"
