"""Weights of a network and every change of their layout.

The common form is `Weights`: arrays by "<node position>/<part>". A "kernel" is (height, width,
input channels of a group, features) or, transposed, (height, width, features, input channels), as
TensorFlow stores them; all other parts are (channels).
"""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

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

__all__ = [
    "STATISTICS",
    "Array",
    "Weights",
    "check_weights",
    "conv_nodes",
    "group_kernels",
    "he_normal",
    "initial_weights",
    "kernel_from_torch",
    "kernel_to_torch",
    "nearest_kernel",
    "part_shapes_of",
    "random_weights",
    "weight_nodes",
]

Array = npt.NDArray[np.float32]
Weights = Mapping[str, Array]
Parts = dict[str, tuple[int, ...]]
STATISTICS = frozenset({"mean", "variance"})  # parts that are seen in training, not trained

part_shapes_of = OpTable[Parts]("weights")
"""(op, channels of its input) -> the shape of each part."""


@part_shapes_of.on(Conv2d)
def conv_parts(op: Conv2d, channels: int) -> Parts:
    kernel: Parts = {"kernel": (op.kernel, op.kernel, channels // op.groups, op.features)}
    return kernel | {"bias": (op.features,)} if op.bias else kernel


@part_shapes_of.on(TransposedConv2d)
def transposed_conv_parts(op: TransposedConv2d, channels: int) -> Parts:
    return {"kernel": (op.kernel, op.kernel, op.features, channels), "bias": (op.features,)}


@part_shapes_of.on(BatchNorm)
def batch_norm_parts(op: BatchNorm, channels: int) -> Parts:
    return dict.fromkeys(("gamma", "beta", "mean", "variance"), (channels,))


@part_shapes_of.on(Prelu)
def prelu_parts(op: Prelu, channels: int) -> Parts:
    return {"slope": (1 if op.shared else channels,)}


@part_shapes_of.on(Input, NearestConv2d, Repeat, Slice, Concat, Add, Multiply)
@part_shapes_of.on(Relu, LeakyRelu, Tanh, Sigmoid, Clip, GlobalAveragePool)
@part_shapes_of.on(DepthToSpace, SpaceToDepth, ResizeNearest, ResizeBicubic)
def no_parts(op: Op, channels: int) -> Parts:
    return {}


def weight_nodes(graph: Graph) -> Iterator[tuple[int, Op, Parts]]:
    """Position, op and part shapes of each node that has weights."""
    shapes = graph.shapes(12, 12)
    for position, node in enumerate(graph.nodes):
        channels = shapes[node.inputs[0] if node.inputs else position].channels
        if parts := part_shapes_of(node.op, channels):
            yield position, node.op, parts


def check_weights(graph: Graph, weights: Weights) -> None:
    """Whether `weights` are those of a graph: every part in its shape, and finite.

    Raises:
        ValueError: Names the first part that is missing, of another shape, or not finite.
    """
    for position, op, parts in weight_nodes(graph):
        for part, shape in parts.items():
            array = weights.get(f"{position}/{part}")
            place = f"the {part} of node {position}, {op},"
            if array is None:
                raise ValueError(f"{place} is missing")
            if array.shape != shape:
                raise ValueError(f"{place} has shape {array.shape}, not {shape}")
            if not np.isfinite(array).all():
                raise ValueError(f"{place} holds numbers that are not finite")


def conv_nodes(graph: Graph) -> Iterator[tuple[int, Conv2d, int]]:
    """Position, op and input channels of each convolution that is trained."""
    shapes = graph.shapes(12, 12)
    for position, node in enumerate(graph.nodes):
        if isinstance(node.op, Conv2d):
            yield position, node.op, shapes[node.inputs[0]].channels


def kernel_to_torch(kernel: Array) -> Array:
    """(height, width, in, out) -> (out, in, height, width)."""
    return np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))


def kernel_from_torch(kernel: Array) -> Array:
    """(out, in, height, width) -> (height, width, in, out)."""
    return np.ascontiguousarray(kernel.transpose(2, 3, 1, 0))


def group_kernels(kernel: Array, groups: int) -> list[Array]:
    """The kernel or bias of a grouped convolution as one plain one per group."""
    return np.split(kernel, groups, axis=-1)


def nearest_kernel(op: NearestConv2d, channels: int) -> Array:
    """The frozen kernel: block^2 identities side by side, (1, 1, channels, channels * block^2)."""
    identity = np.eye(channels, dtype=np.float32)
    return np.tile(identity, (1, op.block**2))[None, None]


def he_normal(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """A random kernel (height, width, in, out) that keeps the variance under ReLU."""
    deviation = np.sqrt(2 / np.prod(shape[:3]))
    return np.asarray(rng.standard_normal(shape) * deviation, np.float32)


def initial_weights(part: str, shape: tuple[int, ...]) -> Array:
    """What a part that is no kernel begins with: identity statistics, PReLU's slope of 0.25."""
    start = {"gamma": 1.0, "variance": 1.0, "slope": 0.25}
    return np.full(shape, start.get(part, 0.0), np.float32)


def random_weights(graph: Graph, seed: int) -> dict[str, Array]:
    """He-normal kernels and other parts near their start, for tests and for counting bytes."""
    rng = np.random.default_rng(seed)
    found: dict[str, Array] = {}
    for position, op, parts in weight_nodes(graph):
        for part, shape in parts.items():
            if part == "kernel":
                kernel = he_normal(shape, rng)
                if isinstance(op, TransposedConv2d):  # each output gets 1/stride^2 of the kernel
                    kernel *= op.stride * np.sqrt(op.features / shape[3])
            else:
                kernel = initial_weights(part, shape)
                kernel = kernel + rng.normal(0, 0.05, shape).astype(np.float32)
            found[f"{position}/{part}"] = kernel
    return found
