"""What a network is: ops, graph, builder, text form, legality rules."""

from nas.graph.graph import Graph, GraphBuilder, Node
from nas.graph.ops import (
    OPS,
    Activation,
    Add,
    Clip,
    Concat,
    Conv2d,
    DepthToSpace,
    Input,
    NearestConv2d,
    Op,
    Relu,
    Repeat,
    Shape,
    Slice,
)
from nas.graph.rules import MOBILE_NPU, Target, check_legal, violations
from nas.graph.text import op_text, parse_text, to_text

__all__ = [
    "MOBILE_NPU",
    "OPS",
    "Activation",
    "Add",
    "Clip",
    "Concat",
    "Conv2d",
    "DepthToSpace",
    "Graph",
    "GraphBuilder",
    "Input",
    "NearestConv2d",
    "Node",
    "Op",
    "Relu",
    "Repeat",
    "Shape",
    "Slice",
    "Target",
    "check_legal",
    "op_text",
    "parse_text",
    "to_text",
    "violations",
]
