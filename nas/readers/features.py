"""The row a latency model sees: sums over ops, each with a physical meaning.

All terms scale with the image, but for the counts. An INT8 value is one byte. What a device makes
of a term is the business of `nas.latency`; here is only what the graph says.
"""

from dataclasses import dataclass, fields
from operator import attrgetter

from nas.graph import (
    Add,
    BatchNorm,
    Clip,
    Concat,
    Conv2d,
    DepthToSpace,
    GlobalAveragePool,
    Graph,
    Input,
    LeakyRelu,
    Multiply,
    NearestConv2d,
    Op,
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
from nas.readers.table import OpTable

__all__ = [
    "ALIGNMENTS",
    "FEATURE_NAMES",
    "Features",
    "features_of",
    "held_bytes",
    "is_fused",
    "read_features",
    "read_node_features",
    "values_of",
]

ALIGNMENTS = (4, 8, 16, 64)  # channels that a vector or matrix instruction may hold
Row = dict[str, float]

features_of = OpTable[Row]("latency features")


@dataclass(frozen=True, slots=True)
class Features:
    """Terms of one network at one input size.

    Args:
        inferences: Always 1, for what a device spends on any network.
        launches: Ops that the device starts; an activation fused into a convolution is none.
        macs: Multiply-accumulates, frozen kernels included.
        macs_by_4: The same with the channels of each group, in and out, rounded up to 4; and so on
            for the other `ALIGNMENTS`.
        macs_1x1_by_64: Those of them in 1x1 convolutions, which use each input once.
        written_bytes: Outputs of all ops but the input.
        read_bytes: Inputs of all ops, each as often as it is read.
        held_bytes: Bytes that wait for a later reader, once for each level they wait
            (`held_bytes`).
        repeat_bytes: Written by `Repeat`: tensor copies and their concatenation.
        regroup_bytes: Written by `Slice` and `Concat`.
        add_bytes: Written by `Add` and `Multiply`.
        pointwise_low_bytes: Written by ops on single values (`Clip`, `Relu` ...) at most as high
            as the input, but for those that the op before may do on the way (`is_fused`).
        pointwise_high_bytes: Written by such ops above the height of the input.
        fused_bytes: Written by a ReLU that the op before may do on the way (`is_fused`).
        shuffle_bytes: Written by ops that move pixels, such as `DepthToSpace`.
    """

    inferences: float = 1.0
    launches: float = 0.0
    macs: float = 0.0
    macs_by_4: float = 0.0
    macs_by_8: float = 0.0
    macs_by_16: float = 0.0
    macs_by_64: float = 0.0
    macs_1x1_by_64: float = 0.0
    written_bytes: float = 0.0
    read_bytes: float = 0.0
    held_bytes: float = 0.0
    repeat_bytes: float = 0.0
    regroup_bytes: float = 0.0
    add_bytes: float = 0.0
    pointwise_low_bytes: float = 0.0
    pointwise_high_bytes: float = 0.0
    fused_bytes: float = 0.0
    shuffle_bytes: float = 0.0


FEATURE_NAMES = tuple(field.name for field in fields(Features))
values_of = attrgetter(*FEATURE_NAMES)  # of `Features`, in this order


@features_of.on(Input)
def input_is_free(op: Input, height: int, *shapes: Shape) -> Row:
    return {}


@features_of.on(Conv2d)
def conv_features(op: Conv2d, height: int, x: Shape, y: Shape) -> Row:
    per_group = op.kernel**2 * op.groups * y.height * y.width
    cin, cout = x.channels // op.groups, y.channels // op.groups
    return _moved(x, y=y) | _macs(per_group, cin, cout, pointwise=op.kernel == 1)


@features_of.on(TransposedConv2d)
def transposed_conv_features(op: TransposedConv2d, height: int, x: Shape, y: Shape) -> Row:
    return _moved(x, y=y) | _macs(op.kernel**2 * x.height * x.width, x.channels, y.channels)


@features_of.on(NearestConv2d)
def nearest_conv_features(op: NearestConv2d, height: int, x: Shape, y: Shape) -> Row:
    return _moved(x, y=y) | _macs(y.height * y.width, x.channels, y.channels, pointwise=True)


@features_of.on(Repeat)
def repeat_features(op: Repeat, height: int, x: Shape, y: Shape) -> Row:
    # A file holds it as a concatenation that reads one tensor `times` times.
    return _moved(*[x] * op.times, y=y) | {"repeat_bytes": y.elements}


@features_of.on(Concat)
def concat_features(op: Concat, height: int, *shapes: Shape) -> Row:
    *xs, y = shapes
    return _moved(*xs, y=y) | {"regroup_bytes": y.elements}


@features_of.on(Slice)
def slice_features(op: Slice, height: int, x: Shape, y: Shape) -> Row:
    return _moved(y, y=y) | {"regroup_bytes": y.elements}  # reads only what it copies


@features_of.on(Add, Multiply)
def add_features(op: Add | Multiply, height: int, first: Shape, second: Shape, y: Shape) -> Row:
    return _moved(first, second, y=y) | {"add_bytes": y.elements}


@features_of.on(Relu, LeakyRelu, Prelu, Tanh, Sigmoid, Clip, BatchNorm)
def pointwise_features(op: Op, height: int, x: Shape, y: Shape) -> Row:
    place = "pointwise_high_bytes" if y.height > height else "pointwise_low_bytes"
    return _moved(x, y=y) | {place: y.elements}


@features_of.on(DepthToSpace, SpaceToDepth, ResizeNearest, ResizeBicubic)
def shuffle_features(op: Op, height: int, x: Shape, y: Shape) -> Row:
    return _moved(x, y=y) | {"shuffle_bytes": y.elements}


@features_of.on(GlobalAveragePool)
def pool_features(op: GlobalAveragePool, height: int, x: Shape, y: Shape) -> Row:
    return _moved(x, y=y)


def held_bytes(graph: Graph, shapes: tuple[Shape, ...]) -> list[int]:
    """Bytes that each node's output is held for a later reader, once for each level it waits.

    The level of an op is its longest distance from the input, so the sum does not depend on the
    order in which a file lists parallel branches. An output read on the next level waits for
    nothing; one read `n` levels on counts `n - 1` times.
    """
    levels: list[int] = []
    for node in graph.nodes:
        levels.append(1 + max((levels[i] for i in node.inputs), default=-1))
    held = []
    for position, readers in enumerate(graph.consumers):
        last = max((levels[reader] for reader in readers), default=levels[position] + 1)
        held.append((last - levels[position] - 1) * shapes[position].elements)
    return held


def is_fused(graph: Graph, position: int) -> bool:
    """Whether the op before a ReLU may do it on the way, as TensorFlow Lite's converter has it.

    That op is a convolution, a sum or a product, and nothing else reads it.
    """
    node = graph.nodes[position]
    if not isinstance(node.op, Relu):
        return False
    (source,) = node.inputs
    before = graph.nodes[source].op
    computes = isinstance(before, Conv2d | NearestConv2d | TransposedConv2d | Add | Multiply)
    return computes and len(graph.consumers[source]) == 1


def read_node_features(graph: Graph, *, height: int, width: int) -> list[Features]:
    """The terms of each node of a network; `inferences` counts with the input.

    Args:
        graph: Any graph; `features_of` reads every op.
        height: Of the low-resolution input, in pixels.
        width: Of the low-resolution input, in pixels.

    Raises:
        ShapeError: Inputs of a node do not fit.
    """
    shapes = graph.shapes(height, width)
    held = held_bytes(graph, shapes)
    found = []
    for position, node in enumerate(graph.nodes):
        read = (shapes[i] for i in node.inputs)
        row = features_of(node.op, height, *read, shapes[position])
        if is_fused(graph, position):
            row["fused_bytes"] = row.pop("pointwise_low_bytes", row.pop("pointwise_high_bytes", 0))
        first = 1.0 if position == 0 else 0.0
        found.append(Features(**row, inferences=first, held_bytes=held[position]))
    return found


def read_features(graph: Graph, *, height: int, width: int) -> Features:
    """The terms of a network, summed over its nodes; arguments as of `read_node_features`.

    Example:
        >>> from nas.graph import Conv2d, GraphBuilder
        >>> g = GraphBuilder(channels=3)
        >>> _ = g.append(Conv2d(6), g.input)
        >>> read_features(g.graph(), height=2, width=2).macs_by_4  # 3 -> 4, 6 -> 8
        1152.0
    """
    rows = read_node_features(graph, height=height, width=width)
    return Features(*map(float, map(sum, zip(*map(values_of, rows), strict=True))))


def _moved(*xs: Shape, y: Shape) -> Row:
    return {
        "launches": 1,
        "written_bytes": y.elements,
        "read_bytes": sum(x.elements for x in xs),
    }


def _macs(products: int, cin: int, cout: int, *, pointwise: bool = False) -> Row:
    """`products` times channels in and out, these as they are and rounded up."""
    found: Row = {"macs": products * cin * cout}
    for by in ALIGNMENTS:
        found[f"macs_by_{by}"] = products * _aligned(cin, by) * _aligned(cout, by)
    if pointwise:
        found["macs_1x1_by_64"] = found["macs_by_64"]
    return found


def _aligned(channels: int, by: int) -> int:
    return -(-channels // by) * by
