"""What a machine with an image memory in bricks runs for each node: graph facts, no times.

Neural processors hold an image in bricks of 16 channels, pixel after pixel, and move it in long
bursts. Where an op needs channels from within a brick, or pixels from elsewhere, the image must lie
as a file holds it, all channels of a pixel together, and moves in short bursts. Whether it does
depends on the ops around, so a kernel says what lies around its op: two nodes with equal kernels
cost the same as far as a graph can tell.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from nas.graph import (
    Add,
    BatchNorm,
    Clip,
    Concat,
    Conv2d,
    DepthToSpace,
    Graph,
    LeakyRelu,
    Multiply,
    NearestConv2d,
    Node,
    Prelu,
    Relu,
    Repeat,
    ResizeBicubic,
    ResizeNearest,
    Shape,
    Sigmoid,
    Slice,
    SpaceToDepth,
    Tanh,
    TransposedConv2d,
)
from nas.graph.names import NAMES

__all__ = ["BRICK", "CONVS", "Kernel", "Layout", "read_kernels", "signatures"]

BRICK = 16  # channels that lie together, of Arm's Ethos-U as of others
Layout = Literal["plain", "linear", "image"]
CONVS = frozenset({"conv", "nearest_conv", "transposed_conv"})

_CONVS = Conv2d | NearestConv2d | TransposedConv2d
_POINTWISE = BatchNorm | Clip | LeakyRelu | Prelu | Relu | Sigmoid | Tanh
_COMPUTES = _CONVS | Add | Multiply | _POINTWISE
_MOVES_PIXELS = DepthToSpace | SpaceToDepth | ResizeNearest | ResizeBicubic


@dataclass(frozen=True, slots=True)
class Kernel:
    """One op and all that its cost can depend on, at one input size.

    Args:
        kind: Of the op, as the text form writes it.
        size: Height and width of its kernel; 1 where it has none.
        groups: Convolutions side by side.
        cin: Channels that each of them reads; of the first input where there are several.
        cout: Channels that each of them writes.
        pixels_in: Of the image it reads.
        pixels_out: Of the image it writes.
        reads: How its input lies: "plain" in bricks, "linear" as in a file, or the "image" that
            the network reads. Linear if one of several is.
        writes: How its output lies.
        box_in: Channels of the image that its input is a part of, as a slice is.
        box_out: Channels of the image that its output is a part of: an op that only a `Concat`
            reads writes straight into that.
        copied: Values that a `Concat` copies, for those that lie elsewhere.
        fused: Whether the op before it computes and is read by nothing else, so that one pass may
            do both.
    """

    kind: str
    size: int
    groups: int
    cin: int
    cout: int
    pixels_in: int
    pixels_out: int
    reads: Layout
    writes: Layout
    box_in: int
    box_out: int
    copied: int
    fused: bool

    @property
    def read_values(self) -> int:
        """Of one input."""
        return self.pixels_in * self.cin * self.groups

    @property
    def written_values(self) -> int:
        """Of the output."""
        return self.pixels_out * self.cout * self.groups


def read_kernels(graph: Graph, *, height: int, width: int) -> tuple[Kernel, ...]:
    """The kernel of each node.

    Args:
        graph: Any graph; what is deployed counts.
        height: Of the low-resolution input, in pixels.
        width: Of the low-resolution input, in pixels.

    Raises:
        ShapeError: Inputs of a node do not fit.

    Example:
        >>> from nas.graph import DepthToSpace, GraphBuilder
        >>> g = GraphBuilder(channels=3)
        >>> _ = g.chain(g.input, Conv2d(16), Conv2d(27), DepthToSpace(3))
        >>> [(k.cin, k.cout, k.reads, k.writes) for k in
        ...     read_kernels(g.graph(), height=2, width=2)[1:3]]
        [(3, 16, 'image', 'plain'), (16, 27, 'plain', 'linear')]
    """
    shapes = graph.shapes(height, width)
    wholes = _wholes(graph)
    linear = _linear(graph, shapes, wholes)
    homes = _homes(graph, wholes)
    found = []
    for position, node in enumerate(graph.nodes):
        source = wholes[node.inputs[0]] if node.inputs else 0
        reads, writes, groups = (
            shapes[node.inputs[0]] if node.inputs else shapes[0],
            shapes[position],
            node.op.groups if isinstance(node.op, Conv2d) else 1,
        )
        found.append(
            Kernel(
                kind=NAMES[type(node.op)],
                size=getattr(node.op, "kernel", 1),
                groups=groups,
                cin=reads.channels // groups,
                cout=writes.channels // groups,
                pixels_in=reads.height * reads.width,
                pixels_out=writes.height * writes.width,
                reads=_layout_read(node, wholes, linear),
                writes="linear" if homes[position] in linear else "plain",
                box_in=shapes[source].channels,
                box_out=shapes[homes[position]].channels,
                copied=_copied(node, position, homes, shapes),
                fused=any(
                    isinstance(graph.nodes[i].op, _COMPUTES) and len(graph.consumers[i]) == 1
                    for i in node.inputs
                ),
            )
        )
    return tuple(found)


def signatures(graph: Graph, *, height: int, width: int) -> Counter[Kernel]:
    """How often each kernel occurs in a network; arguments as of `read_kernels`."""
    return Counter(read_kernels(graph, height=height, width=width))


def _wholes(graph: Graph) -> list[int]:
    """Of each node the one that holds its values: a slice is a part of what it reads."""
    wholes: list[int] = []
    for position, node in enumerate(graph.nodes):
        wholes.append(wholes[node.inputs[0]] if isinstance(node.op, Slice) else position)
    return wholes


def _linear(graph: Graph, shapes: tuple[Shape, ...], wholes: list[int]) -> set[int]:
    """Nodes whose values must lie as in a file."""
    found: set[int] = set()
    for position, node in enumerate(graph.nodes):
        op = node.op
        if isinstance(op, Slice):
            found.add(wholes[position])
        elif isinstance(op, Concat | Repeat):
            times = op.times if isinstance(op, Repeat) else 1
            if _starts_within_bricks([shapes[i].channels for i in node.inputs] * times):
                found.add(position)
        elif isinstance(op, Conv2d) and op.groups > 1:
            found.add(wholes[node.inputs[0]])
            if op.features // op.groups % BRICK:
                found.add(position)
        elif isinstance(op, _MOVES_PIXELS):
            found |= {wholes[node.inputs[0]], position}
    return found


def _starts_within_bricks(channels: list[int]) -> bool:
    """Whether a part, laid behind the others, starts amid a brick."""
    begins = (sum(channels[:place]) for place in range(1, len(channels)))
    return any(begin % BRICK for begin in begins)


def _homes(graph: Graph, wholes: list[int]) -> list[int]:
    """Of each node the one whose memory it writes to."""
    homes = list(wholes)
    for position, node in enumerate(graph.nodes):
        readers = graph.consumers[position]
        if len(readers) == 1 and isinstance(node.op, _COMPUTES):
            reader = readers[0]
            if isinstance(graph.nodes[reader].op, Concat):
                homes[position] = reader
    return homes


def _layout_read(node: Node, wholes: list[int], linear: set[int]) -> Layout:
    sources = [wholes[i] for i in node.inputs]
    if not any(sources):  # the input is node 0, and itself reads nothing
        return "image"
    return "linear" if any(source in linear for source in sources) else "plain"


def _copied(node: Node, position: int, homes: list[int], shapes: tuple[Shape, ...]) -> int:
    if not isinstance(node.op, Concat):
        return 0
    return sum(shapes[i].elements for i in node.inputs if homes[i] != position)
