"""Weights of a network and every change of their layout.

The common form is `Weights`: arrays by "<node position>/kernel" (height, width, input channels of
a group, features; as TensorFlow stores them) and "<node position>/bias" (features).
"""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from nas.graph import Conv2d, Graph, NearestConv2d

__all__ = [
    "Array",
    "Weights",
    "conv_nodes",
    "group_kernels",
    "he_normal",
    "kernel_from_torch",
    "kernel_to_torch",
    "nearest_kernel",
    "random_weights",
]

Array = npt.NDArray[np.float32]
Weights = Mapping[str, Array]


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
    """The kernel of a grouped convolution as one plain kernel per group."""
    return np.split(kernel, groups, axis=3)


def nearest_kernel(op: NearestConv2d, channels: int) -> Array:
    """The frozen kernel: block^2 identities side by side, (1, 1, channels, channels * block^2)."""
    identity = np.eye(channels, dtype=np.float32)
    return np.tile(identity, (1, op.block**2))[None, None]


def he_normal(op: Conv2d, channels: int, rng: np.random.Generator) -> Array:
    """A random kernel for `op` on `channels` inputs that keeps the variance under ReLU."""
    shape = (op.kernel, op.kernel, channels // op.groups, op.features)
    deviation = np.sqrt(2 / np.prod(shape[:3]))
    return np.asarray(rng.standard_normal(shape) * deviation, np.float32)


def random_weights(graph: Graph, seed: int) -> dict[str, Array]:
    """He-normal kernels and small random biases, for tests and starts."""
    rng = np.random.default_rng(seed)
    found: dict[str, Array] = {}
    for position, op, channels in conv_nodes(graph):
        found[f"{position}/kernel"] = he_normal(op, channels, rng)
        if op.bias:
            found[f"{position}/bias"] = rng.normal(0, 0.05, op.features).astype(np.float32)
    return found
