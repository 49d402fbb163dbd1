"""How far a network looks: the half of its receptive field, and the grid its pixels lie on."""

import math
from dataclasses import dataclass
from fractions import Fraction

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
)
from nas.readers.table import OpTable

__all__ = ["Reach", "reach_of", "read_reach"]

_PROBE = 48  # pixels; can be divided by any stride of the vocabulary's networks

reach_of = OpTable[float]("reach")
"""op -> how many pixels of its input beyond an output pixel's own area it reads, at most."""


@reach_of.on(Conv2d)
def conv_reach(op: Conv2d) -> float:
    return op.kernel // 2


@reach_of.on(TransposedConv2d)
def transposed_conv_reach(op: TransposedConv2d) -> float:
    return op.kernel / op.stride


@reach_of.on(DepthToSpace, ResizeNearest)
def split_pixel(op: Op) -> float:
    return 1  # an output pixel is a part of the input pixel that it comes from


@reach_of.on(ResizeBicubic)
def bicubic_reach(op: ResizeBicubic) -> float:
    return 2.5  # four taps around the middle of an output pixel


@reach_of.on(GlobalAveragePool)
def everything(op: GlobalAveragePool) -> float:
    return math.inf


@reach_of.on(Input, NearestConv2d, BatchNorm, Repeat, Slice, Concat, Add, Multiply)
@reach_of.on(Relu, LeakyRelu, Prelu, Tanh, Sigmoid, Clip, SpaceToDepth)
def own_pixels(op: Op) -> float:
    return 0


@dataclass(frozen=True, slots=True)
class Reach:
    """What tiles of an image need so that their results fit together.

    Args:
        pixels: LR pixels beyond an output pixel that it may depend on; infinite where an op
            averages over the image.
        stride: Tiles must begin, and images end, at multiples of so many LR pixels.
    """

    pixels: float
    stride: int


def read_reach(graph: Graph) -> Reach:
    """The reach of a network; `pixels` is an upper bound that is at most a few pixels high."""
    shapes = graph.shapes(_PROBE, _PROBE)
    found: list[float] = []
    for node in graph.nodes:
        before = max((found[i] for i in node.inputs), default=0.0)
        height = max((shapes[i].height for i in node.inputs), default=_PROBE)
        found.append(before + reach_of(node.op) * float(Fraction(_PROBE, height)))
    strides = (_PROBE // shape.height for shape in shapes if 1 < shape.height < _PROBE)
    pixels = found[-1] if math.isinf(found[-1]) else math.ceil(found[-1])
    return Reach(pixels, max(strides, default=1))
