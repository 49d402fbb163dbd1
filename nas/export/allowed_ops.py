"""Which ops of TensorFlow Lite a network may become: the allow-list of a target, and of a graph.

One table says what each op of a graph is converted to. What a target may run is the union over the
ops that it allows (`nas.graph.rules`), what a file may hold the union over the ops of its graph.
"""

from collections.abc import Iterable, Mapping

from nas.graph import (
    MOBILE_NPU,
    Add,
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
    ResizeNearest,
    Sigmoid,
    Slice,
    SpaceToDepth,
    Tanh,
    Target,
    TransposedConv2d,
)

__all__ = ["TFLITE_OPS", "allowed_by_graph", "allowed_by_target"]

TFLITE_OPS: Mapping[type[Op], frozenset[str]] = {
    Input: frozenset({"QUANTIZE", "RELU"}),  # uint8 to int8 and back; both: a change of grid
    Conv2d: frozenset({"CONV_2D", "STRIDED_SLICE", "CONCATENATION"}),  # the last two: groups
    NearestConv2d: frozenset({"CONV_2D"}),
    TransposedConv2d: frozenset(  # the last three compute the size of its output
        {"TRANSPOSE_CONV", "SHAPE", "STRIDED_SLICE", "PACK"}
    ),
    Repeat: frozenset({"CONCATENATION"}),
    Slice: frozenset({"STRIDED_SLICE"}),
    Concat: frozenset({"CONCATENATION"}),
    Add: frozenset({"ADD"}),
    Multiply: frozenset({"MUL"}),
    Relu: frozenset({"RELU"}),
    LeakyRelu: frozenset({"LEAKY_RELU"}),
    Prelu: frozenset({"PRELU"}),
    Tanh: frozenset({"TANH"}),
    Sigmoid: frozenset({"LOGISTIC"}),
    Clip: frozenset({"MINIMUM", "RELU"}),
    GlobalAveragePool: frozenset({"MEAN"}),
    DepthToSpace: frozenset({"DEPTH_TO_SPACE"}),
    SpaceToDepth: frozenset({"SPACE_TO_DEPTH"}),
    ResizeNearest: frozenset({"RESIZE_NEAREST_NEIGHBOR"}),
}
"""By op of a graph; those that no target allows are not there."""


def allowed_by_target(target: Target = MOBILE_NPU) -> frozenset[str]:
    """All that a legal network can become."""
    return _union(target.ops)


def allowed_by_graph(graph: Graph) -> frozenset[str]:
    """All that this network can become."""
    return _union({type(node.op) for node in graph.nodes})


def _union(ops: Iterable[type[Op]]) -> frozenset[str]:
    return frozenset().union(*(TFLITE_OPS.get(op, frozenset()) for op in ops))
