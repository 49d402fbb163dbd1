"""What a network costs, counted: parameters, multiply-accumulates, bytes moved, peak memory."""

import math
from collections.abc import Container
from dataclasses import dataclass

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
from nas.readers.weights import STATISTICS, part_shapes_of

__all__ = [
    "Cost",
    "count_fixed_parameters",
    "count_macs",
    "count_operations",
    "count_parameters",
    "macs_of",
    "parameters_of",
    "peak_memory_bytes",
    "read_cost",
    "skip_memory_bytes",
]

_FLOAT_BITS = 32

parameters_of = OpTable[int]("parameters")
macs_of = OpTable[int]("macs")


@parameters_of.on(Conv2d, TransposedConv2d, BatchNorm, Prelu)
def trained_parts(op: Op, x: Shape, y: Shape) -> int:
    parts = part_shapes_of(op, x.channels).items()
    return sum(math.prod(shape) for part, shape in parts if part not in STATISTICS)


@parameters_of.on(Input, NearestConv2d, Repeat, Slice, Concat, Add, Multiply)
@parameters_of.on(Relu, LeakyRelu, Tanh, Sigmoid, Clip, GlobalAveragePool)
@parameters_of.on(DepthToSpace, SpaceToDepth, ResizeNearest, ResizeBicubic)
def no_parameters(op: Op, *shapes: Shape) -> int:
    return 0


@macs_of.on(Conv2d)
def conv_macs(op: Conv2d, x: Shape, y: Shape) -> int:
    return y.elements * op.kernel**2 * (x.channels // op.groups)


@macs_of.on(NearestConv2d)
def nearest_conv_macs(op: NearestConv2d, x: Shape, y: Shape) -> int:
    return y.elements * x.channels


@macs_of.on(TransposedConv2d)
def transposed_conv_macs(op: TransposedConv2d, x: Shape, y: Shape) -> int:
    return x.elements * op.kernel**2 * y.channels


@macs_of.on(Input, BatchNorm, Repeat, Slice, Concat, Add, Multiply)
@macs_of.on(Relu, LeakyRelu, Prelu, Tanh, Sigmoid, Clip, GlobalAveragePool)
@macs_of.on(DepthToSpace, SpaceToDepth, ResizeNearest, ResizeBicubic)
def no_macs(op: Op, *shapes: Shape) -> int:
    return 0


def count_parameters(graph: Graph) -> int:
    """Trainable weights and biases; frozen kernels are `count_fixed_parameters`."""
    return _total(graph, parameters_of, 12, 12)


def count_fixed_parameters(graph: Graph) -> int:
    """Weights of frozen kernels."""
    shapes = graph.shapes(12, 12)
    return sum(
        shapes[node.inputs[0]].channels * shapes[position].channels
        for position, node in enumerate(graph.nodes)
        if isinstance(node.op, NearestConv2d)
    )


def count_macs(graph: Graph, height: int, width: int) -> int:
    """Multiply-accumulates of one inference.

    Args:
        graph: Any graph; `macs_of` reads every op.
        height: Of the low-resolution input, in pixels.
        width: Of the low-resolution input, in pixels.

    Returns:
        MACs: a multiply and its add count once. Bias and activation are not counted; frozen
        kernels are.

    Source:
        He et al. 2015 (arXiv:1512.03385), whose "FLOPs" are multiply-adds.

    Example:
        >>> from nas.graph import Conv2d, GraphBuilder
        >>> g = GraphBuilder(channels=3)
        >>> _ = g.append(Conv2d(16), g.input)
        >>> count_macs(g.graph(), height=8, width=8)
        27648
    """
    return _total(graph, macs_of, height, width)


def peak_memory_bytes(graph: Graph, height: int, width: int) -> int:
    """Largest sum of INT8 activations alive at once when nodes run in order."""
    shapes = graph.shapes(height, width)
    last_use = [max(readers, default=len(shapes)) for readers in graph.consumers]
    peak = 0
    for position in range(len(shapes)):
        alive = (i for i in range(position + 1) if last_use[i] >= position)
        peak = max(peak, sum(shapes[i].elements for i in alive))
    return peak


def count_operations(
    graph: Graph,
    height: int,
    width: int,
    *,
    weight_bits: int = _FLOAT_BITS,
    feature_bits: int = _FLOAT_BITS,
    where: Container[int] | None = None,
) -> float:
    """Multiplications of one inference, those of few bits as their share of a float one.

    A product of M and P bits counts M P / 1024. A convolution that is given fewer bits than the
    quantised network has those.

    Args:
        graph: Any graph.
        height: Of the low-resolution input, in pixels.
        width: Of the low-resolution input, in pixels.
        weight_bits: Of kernels; 32 is float.
        feature_bits: Of what convolutions read; 32 is float.
        where: Positions of the nodes with these bits (default: all); the others stay float.

    Source:
        Wang et al. 2021 (arXiv:2011.14265), Table 2, whose figures follow this rule; for 6 bits
        they are divided by 28.4 instead of 1024 / 36.
    """
    total = 0.0
    for position, macs in enumerate(_by_node(graph, macs_of, height, width)):
        if where is None or position in where:
            own = getattr(graph.nodes[position].op, "bits", _FLOAT_BITS)
            bits = (b if b == _FLOAT_BITS else min(b, own) for b in (weight_bits, feature_bits))
            total += macs * math.prod(bits) / _FLOAT_BITS**2
        else:
            total += macs
    return total


def skip_memory_bytes(graph: Graph, height: int, width: int, *, bits: int = _FLOAT_BITS) -> int:
    """Largest sum of the maps that must be kept at once while the image has its own size.

    A node's output takes the place of what is not read any more. What depth-to-space enlarges is
    not counted.

    Args:
        graph: Any graph.
        height: Of the low-resolution input, in pixels.
        width: Of the low-resolution input, in pixels.
        bits: Of each value that is kept.

    Source:
        Wang et al. 2021 (arXiv:2011.14265), Table 2: three maps for SRResNet, of its long skip,
        of a block's skip, and inside the block.
    """
    shapes = graph.shapes(height, width)
    last_use = [max(readers, default=len(shapes)) for readers in graph.consumers]

    def counts(position: int) -> bool:
        readers = [graph.nodes[reader].op for reader in graph.consumers[position]]
        enlarged = bool(readers) and all(isinstance(op, DepthToSpace) for op in readers)
        return shapes[position].height <= height and not enlarged

    peak = max(
        sum(shapes[i].elements for i in range(position + 1) if last_use[i] > position and counts(i))
        for position in range(len(shapes))
    )
    return peak * bits // 8


@dataclass(frozen=True, slots=True)
class Cost:
    """Everything counted of one network at one input size."""

    parameters: int
    fixed_parameters: int
    macs: int
    peak_memory_bytes: int


def read_cost(graph: Graph, height: int = 360, width: int = 640) -> Cost:
    """All counts at once; the default size is the challenge's 640x360 input."""
    return Cost(
        parameters=count_parameters(graph),
        fixed_parameters=count_fixed_parameters(graph),
        macs=count_macs(graph, height, width),
        peak_memory_bytes=peak_memory_bytes(graph, height, width),
    )


def _total(graph: Graph, table: OpTable[int], height: int, width: int) -> int:
    return sum(_by_node(graph, table, height, width))


def _by_node(graph: Graph, table: OpTable[int], height: int, width: int) -> list[int]:
    shapes = graph.shapes(height, width)
    return [
        table(node.op, *(shapes[i] for i in node.inputs), shapes[position])
        for position, node in enumerate(graph.nodes)
    ]
