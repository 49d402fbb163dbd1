"""A graph as an ONNX model of standard ops, channels first inside.

Grouped convolutions stay grouped. The same walk serves a float model and one of codes: what its
tensors hold is told by `Values`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

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
    Sigmoid,
    Slice,
    SpaceToDepth,
    Tanh,
    TransposedConv2d,
    to_text,
)
from nas.graph.names import NAMES
from nas.graph.ops import NORM_EPSILON
from nas.readers.onnx_writer import End, Layout, OnnxWriter
from nas.readers.table import OpTable
from nas.readers.to_torch import Parts, forward_of
from nas.readers.weights import Array, Weights, kernel_to_torch, nearest_kernel, part_shapes_of

__all__ = ["FLOAT", "Place", "Values", "onnx_of", "to_onnx"]

IMAGE, UPSCALED = "image", "upscaled"
_CHANNELS_FIRST, _CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)
_PROBE = 12  # pixels, where a size is open
_TAPS = 5  # rows that any phase of a bicubic enlargement reads


class Values:
    """What the tensors of a model hold: here real numbers, from and to images of 0..1."""

    image: npt.DTypeLike = np.float32

    def edge(self, writer: OnnxWriter, reader: int, source: int, x: str) -> str:
        """Wraps what node `reader` reads of node `source`."""
        return x

    def output(self, writer: OnnxWriter, position: int, stem: str, y: str) -> str:
        """Wraps the output of the node at `position`, whose tensors are named after `stem`."""
        return y

    def parts(
        self, writer: OnnxWriter, position: int, arrays: Mapping[str, Array]
    ) -> dict[str, str]:
        """The tensors of what the node at `position` holds, from arrays in ONNX's layout."""
        return {part: writer.constant(f"{position}/{part}", a) for part, a in arrays.items()}


FLOAT = Values()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node is written.

    Args:
        writer: Collects what the node becomes.
        position: Of the node in its graph.
        stem: With which names of its tensors begin.
        channels: Of its first input.
        parts: Names of the tensors that hold its weights.
    """

    writer: OnnxWriter
    position: int
    stem: str
    channels: int
    parts: Mapping[str, str]

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Appends one ONNX node; returns the name of its output."""
        return self.writer.node(kind, self.stem, *inputs, **attributes)

    def constant(self, what: str, array: npt.ArrayLike) -> str:
        """Adds a constant that is no weight, such as the limit of a clip."""
        return self.writer.constant(f"{self.position}/{what}", array)


onnx_of = OpTable[str]("to_onnx")
"""(op, place, *names of its inputs) -> name of its output; all are (n, c, h, w)."""


@onnx_of.on(Input)
def onnx_input(op: Input, place: Place, x: str) -> str:
    return x


@onnx_of.on(Conv2d)
def onnx_conv(op: Conv2d, place: Place, x: str) -> str:
    # With a stride, what is missing is padded at the end first, as in TensorFlow.
    strided = {"auto_pad": "SAME_UPPER", "strides": [op.stride] * 2}
    padding = strided if op.stride > 1 else {"pads": [op.kernel // 2] * 4}
    y = place.node(
        "Conv", x, *place.parts.values(), group=op.groups, kernel_shape=[op.kernel] * 2, **padding
    )
    return place.node("Relu", y) if op.activation == "relu" else y


@onnx_of.on(TransposedConv2d)
def onnx_transposed_conv(op: TransposedConv2d, place: Place, x: str) -> str:
    pads = [(op.kernel - op.stride) // 2] * 4
    size = {"kernel_shape": [op.kernel] * 2, "strides": [op.stride] * 2}
    return place.node("ConvTranspose", x, *place.parts.values(), pads=pads, **size)


@onnx_of.on(BatchNorm)
def onnx_batch_norm(op: BatchNorm, place: Place, x: str) -> str:
    return place.node("BatchNormalization", x, *place.parts.values(), epsilon=NORM_EPSILON)


@onnx_of.on(NearestConv2d)
def onnx_nearest(op: NearestConv2d, place: Place, x: str) -> str:
    return place.node("Conv", x, *place.parts.values(), kernel_shape=[1, 1])


@onnx_of.on(Repeat)
def onnx_repeat(op: Repeat, place: Place, x: str) -> str:
    return place.node("Concat", *[x] * op.times, axis=1)


@onnx_of.on(Slice)
def onnx_slice(op: Slice, place: Place, x: str) -> str:
    begin, end = [op.begin], [op.begin + op.size]
    limits = (place.constant("begin", begin), place.constant("end", end))
    return place.node("Slice", x, *limits, place.constant("axis", [1]))


@onnx_of.on(Concat)
def onnx_concat(op: Concat, place: Place, *xs: str) -> str:
    return place.node("Concat", *xs, axis=1)


@onnx_of.on(Add)
def onnx_add(op: Add, place: Place, a: str, b: str) -> str:
    return place.node("Add", a, b)


@onnx_of.on(Multiply)
def onnx_multiply(op: Multiply, place: Place, a: str, b: str) -> str:
    return place.node("Mul", a, b)


@onnx_of.on(Relu)
def onnx_relu(op: Relu, place: Place, x: str) -> str:
    return place.node("Relu", x)


@onnx_of.on(LeakyRelu)
def onnx_leaky_relu(op: LeakyRelu, place: Place, x: str) -> str:
    return place.node("LeakyRelu", x, alpha=op.slope)


@onnx_of.on(Prelu)
def onnx_prelu(op: Prelu, place: Place, x: str) -> str:
    return place.node("PRelu", x, *place.parts.values())


@onnx_of.on(Tanh)
def onnx_tanh(op: Tanh, place: Place, x: str) -> str:
    return place.node("Tanh", x)


@onnx_of.on(Sigmoid)
def onnx_sigmoid(op: Sigmoid, place: Place, x: str) -> str:
    return place.node("Sigmoid", x)


@onnx_of.on(GlobalAveragePool)
def onnx_pool(op: GlobalAveragePool, place: Place, x: str) -> str:
    return place.node("GlobalAveragePool", x)


@onnx_of.on(Clip)
def onnx_clip(op: Clip, place: Place, x: str) -> str:
    low = place.constant("low", np.float32(op.low))
    return place.node("Clip", x, low, place.constant("high", np.float32(op.high)))


@onnx_of.on(DepthToSpace)
def onnx_depth_to_space(op: DepthToSpace, place: Place, x: str) -> str:
    return place.node("DepthToSpace", x, blocksize=op.block, mode="DCR")  # TensorFlow's order


@onnx_of.on(SpaceToDepth)
def onnx_space_to_depth(op: SpaceToDepth, place: Place, x: str) -> str:
    return place.node("SpaceToDepth", x, blocksize=op.block)


@onnx_of.on(ResizeNearest)
def onnx_resize_nearest(op: ResizeNearest, place: Place, x: str) -> str:
    scales = place.constant("scales", np.array([1, 1, op.factor, op.factor], np.float32))
    how = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return place.node("Resize", x, "", scales, mode="nearest", **how)


@onnx_of.on(ResizeBicubic)
def onnx_resize_bicubic(op: ResizeBicubic, place: Place, x: str) -> str:
    """A convolution for the phases of each pixel, divided by what it makes of ones.

    That leaves out what lies beyond the border. `Resize` could do so, too, but has not the phases
    of TensorFlow's table: at a factor of 3 it is up to a tenth of a uint8 code away.
    """
    kernel = _phases(op)

    def enlarge(image: str, channels: int) -> str:
        repeated = place.constant("kernel", np.tile(kernel, (channels, 1, 1, 1)))
        size = {"kernel_shape": [_TAPS] * 2, "pads": [_TAPS // 2] * 4}
        phases = place.node("Conv", image, repeated, group=channels, **size)
        return place.node("DepthToSpace", phases, blocksize=op.factor, mode="CRD")

    size = place.node("Shape", x, start=2)
    size = place.node("Concat", place.constant("single", [1, 1]), size, axis=0)
    ones = place.node("Expand", place.constant("one", np.float32(1)), size)
    return place.node("Div", enlarge(x, place.channels), enlarge(ones, 1))


def _phases(op: ResizeBicubic) -> Array:
    """(factor^2, 1, taps, taps): what each pixel of a block takes of those around it."""
    side, middle = 2 * _TAPS - 1, _TAPS - 1  # so wide that no border is near
    image = torch.zeros(1, 1, side, side)
    image[0, 0, middle, middle] = 1
    answer = forward_of(op, Parts(), image).reshape(side, op.factor, side, op.factor)
    near = slice(middle - _TAPS // 2, middle + _TAPS // 2 + 1)
    taps = answer[near, :, near].flip(0, 2)  # a row below the pixel reads it from above
    return np.asarray(taps.permute(1, 3, 0, 2).reshape(-1, 1, _TAPS, _TAPS).contiguous())


def to_onnx(
    graph: Graph,
    weights: Weights,
    *,
    height: int | None = None,
    width: int | None = None,
    layout: Layout = "nchw",
    values: Values = FLOAT,
) -> Any:
    """The ONNX model of a network, of opset 17, checked by `onnx`.

    Args:
        graph: Any graph; `onnx_of` reads every op.
        weights: Of every node that has some, in the common layout.
        height: Of the input, in pixels; None leaves it open.
        width: Of the input, in pixels; None leaves it open.
        layout: Of the input "image" and the output "upscaled".
        values: What the tensors hold.

    Raises:
        UserError: The `onnx` package is not installed.

    Returns:
        `onnx.ModelProto` from the image to the upscaled one. The batch is 1 where height and width
        are given, and open otherwise.
    """
    writer = OnnxWriter()
    first = layout == "nchw"
    x = IMAGE if first else writer.node("Transpose", f"{IMAGE}_nchw", IMAGE, perm=_CHANNELS_FIRST)
    y = _walk(graph, weights, writer, values, x)
    if not first:
        writer.node("Transpose", UPSCALED, y, perm=_CHANNELS_LAST)
    return writer.model(
        f"nas_{graph.digest}",
        values.image,
        _ends(graph, height, width, layout),
        {"nas.digest": graph.digest, "nas.graph": to_text(graph), "nas.scale": f"{graph.scale}"},
    )


def _walk(graph: Graph, weights: Weights, writer: OnnxWriter, values: Values, x: str) -> str:
    """Writes all nodes; returns the name of the last one's output."""
    shapes = graph.shapes(_PROBE, _PROBE)
    outputs: list[str] = []
    for position, node in enumerate(graph.nodes):
        xs = [values.edge(writer, position, i, outputs[i]) for i in node.inputs] or [x]
        channels = shapes[node.inputs[0]].channels if node.inputs else graph.channels
        arrays = _arrays(node.op, position, channels, weights)
        stem = f"{NAMES[type(node.op)]}_{position}"
        place = Place(writer, position, stem, channels, values.parts(writer, position, arrays))
        outputs.append(values.output(writer, position, stem, onnx_of(node.op, place, *xs)))
    return outputs[-1]


def _arrays(op: Op, position: int, channels: int, weights: Weights) -> dict[str, Array]:
    """What a node holds, in ONNX's layout and in the order in which ONNX's op reads it."""
    if isinstance(op, NearestConv2d):
        return {"kernel": kernel_to_torch(nearest_kernel(op, channels))}
    found = {part: weights[f"{position}/{part}"] for part in part_shapes_of(op, channels)}
    if "kernel" in found:
        found["kernel"] = kernel_to_torch(found["kernel"])
    if "slope" in found:
        found["slope"] = found["slope"].reshape(-1, 1, 1)
    return found


def _ends(graph: Graph, height: int | None, width: int | None, layout: Layout) -> tuple[End, End]:
    """Names and sizes of the input and the output; a size that is open has a name."""
    shape = graph.shapes(height or _PROBE, width or _PROBE)[-1]
    batch = "batch" if height is None or width is None else 1
    down = ("height", f"{UPSCALED}_height") if height is None else (height, shape.height)
    across = ("width", f"{UPSCALED}_width") if width is None else (width, shape.width)
    channels = (graph.channels, shape.channels)
    first, last = (
        (batch, channels[end], down[end], across[end])
        if layout == "nchw"
        else (batch, down[end], across[end], channels[end])
        for end in (0, 1)
    )
    return (IMAGE, first), (UPSCALED, last)
