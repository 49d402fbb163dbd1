"""Whether a TensorFlow Lite file holds the weights and grids of a stored network."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nas.export.tflite_content import Content, Kernel
from nas.graph import Conv2d, NearestConv2d, TransposedConv2d
from nas.quantize.stored import StoredNetwork
from nas.readers.weights import Array, group_kernels, nearest_kernel

__all__ = ["foreign_grids", "foreign_kernels"]

_LARGEST_CODE = 127  # of a kernel in a file, whatever the bits of its op
_RELATIVE = 1e-5  # of a scale, which a file holds as float32


@dataclass(frozen=True, slots=True, eq=False)
class _Wanted:
    """A kernel as a file stores it, (features, height, width, channels)."""

    values: Array
    bits: int


def foreign_kernels(found: Content, network: StoredNetwork) -> tuple[str, ...]:
    """Shapes of the kernels that only the file has, or only the network; empty as it should be.

    Float kernels must be equal. Codes must be what rounding gives, with scales that let the largest
    weight of a feature be the largest code.
    """
    left = list(_kernels(network))
    more = []
    for kernel in found.kernels:
        match = next((i for i, wanted in enumerate(left) if _is_same(kernel, wanted)), None)
        if match is None:
            more.append(f"{_shape(kernel.values.shape)} of the file")
        else:
            del left[match]
    return (*more, *(f"{_shape(wanted.values.shape)} of the network" for wanted in left))


def foreign_grids(found: Content, network: StoredNetwork) -> tuple[str, ...]:
    """Scale and zero point of each int8 activation of a file that lies on no grid of a network."""
    known = {(np.float32(grid.scale), grid.zero_point) for grid in network.grid or ()}
    odd = []
    for tensor in found.tensors:
        if tensor.dtype != "int8" or tensor.is_constant:
            continue
        grids = [
            (np.float32(s), z) for s, z in zip(tensor.scales, tensor.zero_points, strict=False)
        ]
        if len(grids) != 1 or grids[0] not in known:
            shown = ", ".join(f"{scale:.9g} and {zero}" for scale, zero in grids[:2]) or "none"
            odd.append(shown)
    return tuple(odd)


def _kernels(network: StoredNetwork) -> Iterator[_Wanted]:
    """Each group of a convolution has a kernel of its own."""
    shapes = network.graph.shapes(12, 12)
    for position, node in enumerate(network.graph.nodes):
        match node.op:
            case Conv2d(groups=groups, bits=bits):
                for part in group_kernels(network.weights[f"{position}/kernel"], groups):
                    yield _Wanted(part.transpose(3, 0, 1, 2), bits)
            case NearestConv2d() as op:
                kernel = nearest_kernel(op, shapes[node.inputs[0]].channels)
                yield _Wanted(kernel.transpose(3, 0, 1, 2), 8)
            case TransposedConv2d():
                yield _Wanted(network.weights[f"{position}/kernel"].transpose(2, 0, 1, 3), 8)


def _is_same(kernel: Kernel, wanted: _Wanted) -> bool:
    values = wanted.values
    if kernel.values.shape != values.shape:
        return False
    if kernel.values.dtype == np.float32:
        return bool(np.array_equal(kernel.values, values))
    scales = np.asarray(kernel.scales)
    peak = np.abs(values).max(axis=(1, 2, 3)).astype(np.float64)
    if scales.shape != peak.shape:
        return False
    whole = peak / _LARGEST_CODE
    if not np.all(np.abs(scales - whole)[peak > 0] <= _RELATIVE * whole[peak > 0]):
        return False
    half_step = peak / (2 ** (wanted.bits - 1) - 1) / 2
    difference = np.abs(kernel.values * scales[:, None, None, None] - values)
    allowed = half_step * (1 + 100 * _RELATIVE) + _RELATIVE * peak
    return bool(np.all(difference.max(axis=(1, 2, 3)) <= allowed))


def _shape(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
