"""How ops are written: one short name a class, attributes at their default left out."""

from nas.errors import GraphError
from nas.graph.ops import (
    OPS,
    Add,
    BatchNorm,
    Clip,
    Concat,
    Conv2d,
    DepthToSpace,
    GlobalAveragePool,
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
    written_attributes,
)

__all__ = ["NAMES", "op_text"]

NAMES: dict[type[Op], str] = {
    Input: "input",
    Conv2d: "conv",
    TransposedConv2d: "transposed_conv",
    NearestConv2d: "nearest_conv",
    BatchNorm: "batch_norm",
    Repeat: "repeat",
    Slice: "slice",
    Concat: "concat",
    Add: "add",
    Multiply: "multiply",
    Relu: "relu",
    LeakyRelu: "leaky_relu",
    Prelu: "prelu",
    Tanh: "tanh",
    Sigmoid: "sigmoid",
    Clip: "clip",
    GlobalAveragePool: "global_average_pool",
    DepthToSpace: "depth_to_space",
    SpaceToDepth: "space_to_depth",
    ResizeNearest: "resize_nearest",
    ResizeBicubic: "resize_bicubic",
}

if frozenset(NAMES) != OPS:
    raise GraphError(f"ops without a name: {sorted(map(str, OPS ^ frozenset(NAMES)))}")


def op_text(op: Op) -> str:
    """One op as it stands in the text form, such as `conv(28, activation=relu)`."""
    return f"{NAMES[type(op)]}({', '.join(written_attributes(op))})"
