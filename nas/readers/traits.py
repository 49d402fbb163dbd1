"""What the quality of a network may depend on, in a few numbers: for a model that guesses PSNR."""

import math
from dataclasses import astuple, dataclass, fields

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
from nas.readers.cost import read_cost
from nas.readers.reach import read_reach
from nas.readers.table import OpTable

__all__ = ["TRAIT_NAMES", "Traits", "is_linear", "read_traits"]

_MOST_REACH = 64.0  # pixels; whatever looks further sees all that helps
_PROBE = 48  # pixels; can be divided by any stride of the vocabulary's networks

is_linear = OpTable[bool]("linearity")
"""op -> whether its output is a linear function of its inputs."""


@is_linear.on(Conv2d)
def conv_is_linear(op: Conv2d) -> bool:
    return op.activation == "none"


@is_linear.on(Input, TransposedConv2d, NearestConv2d, BatchNorm, Repeat, Slice, Concat, Add)
@is_linear.on(DepthToSpace, SpaceToDepth, ResizeNearest, ResizeBicubic, GlobalAveragePool)
def always(op: Op) -> bool:
    return True


@is_linear.on(Relu, LeakyRelu, Prelu, Tanh, Sigmoid, Clip, Multiply)
def never(op: Op) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Traits:
    """Of one network; sizes as logarithms to base 2.

    Args:
        parameters: Trained values.
        macs: Multiply-accumulates an LR pixel.
        depth: Trained convolutions on the longest way.
        reach: LR pixels beyond an output pixel that it may depend on.
        narrowest: Channels that enter a trained convolution other than the first ones, the fewest.
        width: The same, geometric mean.
        last_width: The same, of the last convolution.
        pointwise: Share of the trained convolutions that are 1x1.
        concats: Number of concatenations.
        adds_image: 1 where a linear function of the image is added to what is not.
        concats_image: 1 where it is concatenated with what is not.
    """

    parameters: float
    macs: float
    depth: float
    reach: float
    narrowest: float
    width: float
    last_width: float
    pointwise: float
    concats: float
    adds_image: float
    concats_image: float


TRAIT_NAMES = tuple(field.name for field in fields(Traits))


def read_traits(graph: Graph) -> tuple[float, ...]:
    """The values of `Traits`, in the order of `TRAIT_NAMES`."""
    cost = read_cost(graph, _PROBE, _PROBE)
    nodes = graph.nodes
    trained = [i for i, n in enumerate(nodes) if isinstance(n.op, Conv2d | TransposedConv2d)]
    widths = _widths(graph, trained)
    of_image = _linear_in_image(graph)
    joins = [
        type(node.op)
        for i, node in enumerate(nodes)
        if i not in of_image and any(source in of_image for source in node.inputs)
    ]
    return astuple(
        Traits(
            parameters=math.log2(1 + cost.parameters),
            macs=math.log2(1 + cost.macs / _PROBE**2),
            depth=math.log2(1 + _depth(graph, set(trained))),
            reach=math.log2(1 + min(read_reach(graph).pixels, _MOST_REACH)),
            narrowest=min(widths, default=0.0),
            width=sum(widths) / max(1, len(widths)),
            last_width=widths[-1] if widths else 0.0,
            pointwise=sum(getattr(nodes[i].op, "kernel", 1) == 1 for i in trained)
            / max(1, len(trained)),
            concats=math.log2(1 + sum(isinstance(node.op, Concat) for node in nodes)),
            adds_image=float(Add in joins),
            concats_image=float(Concat in joins),
        )
    )


def _widths(graph: Graph, trained: list[int]) -> list[float]:
    """Channels before each trained convolution that does not read the image itself."""
    shapes = graph.shapes(_PROBE, _PROBE)
    inner = (source for i in trained for source in graph.nodes[i].inputs if source)
    return [math.log2(shapes[source].channels) for source in inner]


def _depth(graph: Graph, trained: set[int]) -> int:
    found: list[int] = []
    for i, node in enumerate(graph.nodes):
        found.append(max((found[j] for j in node.inputs), default=0) + (i in trained))
    return found[-1]


def _linear_in_image(graph: Graph) -> set[int]:
    """Positions that are reached by linear ops only, all the way from the input."""
    found: set[int] = set()
    for i, node in enumerate(graph.nodes):
        if is_linear(node.op) and all(j in found for j in node.inputs):
            found.add(i)
    return found
