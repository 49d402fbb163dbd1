"""The ONNX files of a network: float, and INT8 on the grids that the TensorFlow Lite file has.

The INT8 file is made of QuantizeLinear and DequantizeLinear around standard ops, so a runtime
without integer kernels computes it, too. Kernels are int8 by output channel, biases int32. All
activations are uint8, the codes of their grid plus 128: the image comes and goes as it is stored,
and runtimes have integer kernels for activations of one type throughout.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nas.errors import IllegalError
from nas.graph import Graph, TransposedConv2d
from nas.quantize.rounding import half_away
from nas.quantize.scheme import Grid, regrids
from nas.quantize.simulate import narrow_weights, quantize_kernel
from nas.quantize.stored import write_whole
from nas.readers.onnx_writer import Layout, OnnxWriter
from nas.readers.to_onnx import Values, to_onnx
from nas.readers.weights import Array, Weights

__all__ = ["write_onnx", "write_onnx_int8"]

_UNSIGNED = 128  # codes of a grid are signed
_LARGEST_BIAS = 2**30  # half of what an int32 holds; the rest is for the products


def write_onnx(
    graph: Graph,
    weights: Weights,
    file: Path,
    *,
    height: int | None = None,
    width: int | None = None,
    layout: Layout = "nchw",
) -> None:
    """Writes the float model: "image" and "upscaled" are float32 in 0..1.

    Args:
        graph: The network.
        weights: Float weights.
        file: Is replaced as a whole.
        height: Of the input image, in pixels; None leaves it open.
        width: Of the input image, in pixels; None leaves it open.
        layout: Of the input and the output.

    Raises:
        UserError: The `onnx` package is not installed.
    """
    model = to_onnx(graph, weights, height=height, width=width, layout=layout)
    write_whole(file, model.SerializeToString(deterministic=True))


def write_onnx_int8(
    graph: Graph,
    weights: Weights,
    grid: Sequence[Grid],
    file: Path,
    *,
    height: int | None = None,
    width: int | None = None,
    layout: Layout = "nchw",
) -> None:
    """Writes the INT8 model: "image" and "upscaled" are uint8 in 0..255.

    It computes what `nas.quantize.simulate` does, but for ties between two codes and for leaky
    rectifiers, whose slopes LiteRT rounds further. On x86 processors without VNNI, onnxruntime
    needs `session.x64quantprecision` at "1", or sums of products saturate at 16 bits.

    Args:
        graph: The network.
        weights: Float weights; they are rounded here as the simulation rounds them.
        grid: Of each node, of 8 bits.
        file: Is replaced as a whole.
        height: Of the input image, in pixels; None leaves it open.
        width: Of the input image, in pixels; None leaves it open.
        layout: Of the input and the output.

    Raises:
        UserError: The `onnx` package is not installed.
        IllegalError: A grid has more than 8 bits.
    """
    if any(each.bits > 8 for each in grid):
        raise IllegalError(f"an ONNX file of {graph.digest} cannot hold activations of 16 bits")
    model = to_onnx(
        graph,
        narrow_weights(graph, weights),
        height=height,
        width=width,
        layout=layout,
        values=_Codes(graph, grid),
    )
    write_whole(file, model.SerializeToString(deterministic=True))


class _Codes(Values):
    """Values are rounded to their grid where they are made, and read from there."""

    image = np.uint8

    def __init__(self, graph: Graph, grid: Sequence[Grid]) -> None:
        self._graph = graph
        self._grid = grid
        self._changes = regrids(graph, grid)

    def edge(self, writer: OnnxWriter, reader: int, source: int, x: str) -> str:
        if (reader, source) not in self._changes:
            return x
        stem, grid = f"{x}_for_{reader}", self._grid[reader]
        return _real(writer, stem, _rounded(writer, stem, x, grid), grid)

    def output(self, writer: OnnxWriter, position: int, stem: str, y: str) -> str:
        grid = self._grid[position]
        codes = y if position == 0 else _rounded(writer, stem, y, grid)  # the image is codes
        is_last = position == len(self._graph.nodes) - 1
        return codes if is_last else _real(writer, stem, codes, grid)

    def parts(
        self, writer: OnnxWriter, position: int, arrays: Mapping[str, Array]
    ) -> dict[str, str]:
        held = {part: torch.from_numpy(array) for part, array in arrays.items()}
        node, stem = self._graph.nodes[position], f"{position}/"
        if "slope" in held:
            return {"slope": _constant(writer, stem + "slope", *_slope_codes(held["slope"]))}
        if "kernel" not in held:  # a norm that was not folded stays float
            return super().parts(writer, position, arrays)
        axis = 1 if isinstance(node.op, TransposedConv2d) else 0
        found = _conv_codes(held, axis, self._grid[node.inputs[0]].scale)
        axes = {"kernel": axis, "bias": 0}
        return {part: _constant(writer, stem + part, *found[part], axes[part]) for part in found}


_Coded = tuple[Tensor, Tensor]  # codes, and what one of them means


def _conv_codes(parts: Mapping[str, Tensor], axis: int, before: float) -> dict[str, _Coded]:
    """Codes and scales by output channel; coarser ones where the bias would not fit otherwise."""
    codes, scale = quantize_kernel(parts["kernel"], axis=axis)
    if "bias" not in parts:
        return {"kernel": (codes.to(torch.int8), scale)}
    bias = parts["bias"]
    coarse = torch.maximum(scale, bias.abs().double() / (before * _LARGEST_BIAS))
    ratio = (scale / coarse).reshape([-1 if d == axis else 1 for d in range(4)])
    sums = half_away(bias / (coarse * before))
    return {
        "kernel": (half_away(codes * ratio).to(torch.int8), coarse),
        "bias": (sums.to(torch.int32), coarse * before),
    }


def _slope_codes(slope: Tensor) -> _Coded:
    """On one grid for all channels."""
    step = slope.abs().max().double().clamp_min(1e-12) / 127
    return half_away(slope / step).to(torch.int8), step


def _constant(writer: OnnxWriter, name: str, codes: Tensor, step: Tensor, axis: int = 0) -> str:
    inputs = [
        writer.constant(f"{name}_codes", codes),
        writer.constant(f"{name}_step", step.float()),
    ]
    if codes.dtype == torch.int8:  # it is 0 if left out, but onnxruntime's rewrites want it
        zero_point = torch.zeros_like(step, dtype=torch.int8)
        inputs.append(writer.constant(f"{name}_zero_point", zero_point))
    return writer.node("DequantizeLinear", name, *inputs, axis=axis)


def _rounded(writer: OnnxWriter, stem: str, x: str, grid: Grid) -> str:
    return writer.node("QuantizeLinear", f"{stem}_codes", x, *_ends(writer, stem, grid))


def _real(writer: OnnxWriter, stem: str, codes: str, grid: Grid) -> str:
    return writer.node("DequantizeLinear", f"{stem}_real", codes, *_ends(writer, stem, grid))


def _ends(writer: OnnxWriter, stem: str, grid: Grid) -> tuple[str, str]:
    """Scale and zero point."""
    zero_point = np.uint8(grid.zero_point + _UNSIGNED)
    return (
        writer.constant(f"{stem}_scale", np.float32(grid.scale)),
        writer.constant(f"{stem}_zero_point", zero_point),
    )
