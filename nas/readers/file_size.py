"""How large the uint8 TensorFlow Lite file of a network is at most, without making it.

Kernels have a byte a weight. An output channel of a kernel has a bias of 4 bytes, and a scale of 4
and a zero point of 8 beside the kernel and beside the bias. All else is the description of ops and
tensors, long names among it. What the converter spends on that was seen in 291 files of TensorFlow
2.21: networks of the zoo, of every space, and some made to tell ops apart. The figures below are
the least, rounded up, that are too small for none of them, with a reserve of 1 KiB.
"""

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

__all__ = ["file_bytes_of", "max_file_bytes"]

_FILE = 1830 + 1024  # signature, input, output, versions; and the reserve
_CHANNEL = 4 + 2 * (4 + 8)  # bias; scale and zero point of a kernel and of its bias
_CONV = 720  # description of the op, its kernel, its bias and its output
_RELU = 40  # that is fused: names are longer
_SLICE = 340
_CONCAT = 180

file_bytes_of = OpTable[int]("file bytes")
"""(op, shape of its first input, shape of its output) -> bytes, where each has 12x12 pixels."""


@file_bytes_of.on(Conv2d)
def conv_bytes(op: Conv2d, x: Shape, y: Shape) -> int:
    kernel = op.kernel**2 * (x.channels // op.groups) * y.channels + _CHANNEL * y.channels
    one = _CONV + (_RELU if op.activation == "relu" else 0)
    if op.groups == 1:
        return kernel + one
    return kernel + op.groups * (one + _SLICE) + _CONCAT  # a plain convolution for each group


@file_bytes_of.on(TransposedConv2d)
def transposed_conv_bytes(op: TransposedConv2d, x: Shape, y: Shape) -> int:
    return op.kernel**2 * x.channels * y.channels + _CHANNEL * y.channels + 1640


@file_bytes_of.on(NearestConv2d)
def nearest_conv_bytes(op: NearestConv2d, x: Shape, y: Shape) -> int:
    return x.channels * y.channels + _CHANNEL * y.channels + 250


@file_bytes_of.on(Prelu)
def prelu_bytes(op: Prelu, x: Shape, y: Shape) -> int:
    return (1 if op.shared else y.channels) + 600


@file_bytes_of.on(Slice)
def slice_bytes(op: Slice, x: Shape, y: Shape) -> int:
    return _SLICE


@file_bytes_of.on(Concat)
def concat_bytes(op: Concat, x: Shape, y: Shape) -> int:
    return _CONCAT


@file_bytes_of.on(Clip)
def clip_bytes(op: Clip, x: Shape, y: Shape) -> int:
    return 600  # two ops and a constant


@file_bytes_of.on(Add, Multiply, Repeat, Relu, LeakyRelu, Tanh, Sigmoid)
@file_bytes_of.on(DepthToSpace, SpaceToDepth, ResizeNearest)
def op_bytes(op: Op, x: Shape, y: Shape) -> int:
    return 160


@file_bytes_of.on(GlobalAveragePool)
def pool_bytes(op: GlobalAveragePool, x: Shape, y: Shape) -> int:
    return 300


@file_bytes_of.on(Input, BatchNorm, ResizeBicubic)
def no_bytes(op: Op, x: Shape, y: Shape) -> int:
    return 0  # part of every file; folded into a convolution; in no integer file


def max_file_bytes(graph: Graph) -> int:
    """Bytes that the uint8 TensorFlow Lite file of a network does not exceed.

    Half of the files that were seen were smaller by 3 % or less. The size of the image does not
    matter, nor do the weights. A train-time form counts as the convolution that it becomes.

    Example:
        >>> from nas.graph import Conv2d, DepthToSpace, GraphBuilder
        >>> g = GraphBuilder(channels=3)
        >>> graph = g.graph(g.chain(g.input, Conv2d(27), DepthToSpace(3)))
        >>> max_file_bytes(graph)  # 2854 + (27 * 27 + 28 * 27 + 720) + 160
        5219
    """
    shapes = graph.shapes(12, 12)
    total = _FILE
    for position, node in enumerate(graph.nodes):
        source = node.inputs[0] if node.inputs else position
        total += file_bytes_of(node.op, shapes[source], shapes[position])
    return total
