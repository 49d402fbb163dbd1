"""Full-integer inference as LiteRT does it, simulated in torch.

Weights are symmetric int8, biases int32 on the grid of input times weight, each op's output is
rounded to its grid. Convolutions, sums and products are computed on integer codes and scaled to the
output as LiteRT's XNNPACK kernels do it; all else, and all but convolutions where activations have
16 bits, is computed by the float reader on multiples of the grid and rounded.
"""

import math
from collections import deque
from collections.abc import Sequence
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from nas.graph import (
    Add,
    Conv2d,
    Graph,
    LeakyRelu,
    Multiply,
    Op,
    Prelu,
    Relu,
    TransposedConv2d,
)
from nas.quantize.rounding import half_away
from nas.quantize.scheme import MOVES, Grid, regrids
from nas.quantize.walk import walk
from nas.readers.to_torch import GraphModule, to_torch
from nas.readers.weights import Array, Weights, conv_nodes

__all__ = ["Simulation", "narrow_weights", "quantize_kernel"]


def quantize_kernel(
    kernel: Tensor, *, axis: int = 0, bits: int = 8, tensors: int = 0
) -> tuple[Tensor, Tensor]:
    """Codes as float, and the scale of each output channel.

    Args:
        kernel: Four axes, of any order.
        axis: That of the output channels.
        bits: The largest code is 2^(bits-1) - 1.
        tensors: Into how many tensors with one scale each the channels are divided, as the groups
            of a convolution are; 0: each channel has a scale of its own.
    """
    others = [d for d in range(4) if d != axis]
    exact = kernel.double()  # as the converter: in float32 one code in thousands would differ
    peak = exact.abs().amax(dim=others)
    if tensors:
        peak = peak.reshape(tensors, -1).amax(dim=1).repeat_interleave(len(peak) // tensors)
    scale = peak.clamp_min(1e-12) / (2 ** (bits - 1) - 1)
    spread = scale.reshape([-1 if d == axis else 1 for d in range(4)])
    return half_away(exact / spread).float(), scale


def narrow_weights(graph: Graph, weights: Weights) -> dict[str, Array]:
    """`weights` with kernels of fewer than 8 bits on their grid, which int8 codes hold."""
    found = dict(weights)
    for position, op, _ in conv_nodes(graph):
        if op.bits < 8:
            kernel = torch.from_numpy(found[f"{position}/kernel"])
            codes, scale = quantize_kernel(kernel, axis=3, bits=op.bits)
            found[f"{position}/kernel"] = (codes * scale).float().numpy()
    return found


class Simulation:
    """A network with int8 weights, and activations on their grids.

    Args:
        graph: The network.
        weights: Float weights; they are rounded here.
        grid: Of each node, from `calibrate`.
        per_channel: Whether each output channel of a kernel has a scale of its own.
    """

    def __init__(
        self, graph: Graph, weights: Weights, grid: Sequence[Grid], *, per_channel: bool = True
    ) -> None:
        self.graph = graph
        self.grid = tuple(grid)
        self.per_channel = per_channel
        narrow = narrow_weights(graph, weights)
        self.codes: GraphModule = to_torch(graph, narrow)  # kernels and biases become codes
        self.steps: dict[int, Tensor] = {}  # of each convolution: what one unit of its sums means
        self._regrids = regrids(graph, self.grid)
        for position, node in enumerate(graph.nodes):
            if isinstance(node.op, Conv2d | TransposedConv2d):
                self._round_conv(position, node.op)
        self._slopes = {
            name: slope.detach()
            for name, part, slope in self.codes.named_parts()
            if part == "slope"
        }

    @torch.no_grad()
    def run(self, images: Tensor, end: int | None = None) -> list[Tensor]:
        """Outputs of the nodes up to `end` (default: all), real values on their grids."""
        nodes = walk(self.graph, images, self.apply)
        return [y for _, y in islice(nodes, None if end is None else end + 1)]

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """(n, c, h, w) in 0..1 on the uint8 grid -> (n, c, scale h, scale w) on the output grid."""
        return deque(walk(self.graph, images, self.apply), maxlen=1).pop()[1]

    @torch.no_grad()
    def replace(self, position: int, kernel: Tensor, bias: Tensor | None) -> None:
        """Rounds new float weights of one convolution, in torch's layout."""
        self.codes.kernels[str(position)].copy_(kernel)
        if bias is not None:
            self.codes.biases[str(position)].copy_(bias)
        self._round_conv(position, self.graph.nodes[position].op)

    @torch.no_grad()
    def _round_conv(self, position: int, op: Op) -> None:
        """Kernel and bias of one convolution as codes."""
        kernel = self.codes.kernels[str(position)]
        axis = 1 if isinstance(op, TransposedConv2d) else 0
        groups = op.groups if isinstance(op, Conv2d) else 1
        tensors = 0 if self.per_channel else groups
        codes, scale = quantize_kernel(kernel, axis=axis, tensors=tensors)
        kernel.copy_(codes)
        before = self.grid[self.graph.nodes[position].inputs[0]].scale
        self.steps[position] = scale.float() * torch.tensor(before)
        if str(position) in self.codes.biases:
            bias = self.codes.biases[str(position)]
            bias.copy_(half_away(bias / (scale * before)))

    def apply(self, position: int, xs: list[Tensor]) -> Tensor:
        """The output of one node, given what it reads."""
        node, grid = self.graph.nodes[position], self.grid[position]
        for place, source in enumerate(node.inputs):
            if (position, source) in self._regrids:
                xs[place] = _regrid(xs[place], self.grid[source], grid)
        if isinstance(node.op, Conv2d | TransposedConv2d):
            (scale,) = self._scales(position)
            sums = self.codes.apply_node(position, (xs[0] / scale).round_())
            factor = self.steps[position] / torch.tensor(grid.scale)
            return _on_grid(sums * factor[:, None, None], grid)
        if grid.bits > 8:
            y = self.codes.apply_node(position, *xs)
            return y if isinstance(node.op, MOVES) else _round(y, grid)
        if isinstance(node.op, Add | Multiply):
            join = _add if isinstance(node.op, Add) else _multiply
            return join(xs, self._scales(position), grid)
        if isinstance(node.op, Relu):
            before = self.grid[node.inputs[0]]
            return _regrid(xs[0].clamp(min=0), before, grid)
        if isinstance(node.op, LeakyRelu):
            return _leak(xs[0], node.op.slope, self.grid[node.inputs[0]], grid)
        if isinstance(node.op, Prelu):
            return _prelu(xs[0], self._slopes[str(position)], self.grid[node.inputs[0]], grid)
        y = self.codes.apply_node(position, *xs)
        return y if isinstance(node.op, MOVES) else _round(y, grid)

    def _scales(self, position: int) -> list[float]:
        return [self.grid[i].scale for i in self.graph.nodes[position].inputs]


def _add(xs: Sequence[Tensor], scales: Sequence[float], grid: Grid) -> Tensor:
    """As XNNPACK: both factors in fixed point of 20 bits, half a step rounds up."""
    ratios = [float(np.float32(scale) / np.float32(grid.scale)) for scale in scales]
    shift = 20 - math.floor(math.log2(max(ratios)))
    total = torch.full((), 1 << (shift - 1), dtype=torch.int32)
    for x, scale, ratio in zip(xs, scales, ratios, strict=True):
        total = total + (x / scale).round().to(torch.int32) * round(ratio * 2**shift)
    return _on_grid((total >> shift).float(), grid)


def _multiply(xs: Sequence[Tensor], scales: Sequence[float], grid: Grid) -> Tensor:
    a, b = ((x / scale).round() for x, scale in zip(xs, scales, strict=True))
    one, other, step = (np.float32(scale) for scale in (*scales, grid.scale))
    return _on_grid(a * b * float(one * other / step), grid)


def _leak(x: Tensor, slope: float, before: Grid, after: Grid) -> Tensor:
    """As XNNPACK: both slopes in fixed point of 8 bits, half a step rounds up."""
    codes = (x / before.scale).round().to(torch.int32)
    ratio = before.scale / after.scale
    factor = torch.where(codes < 0, round(256 * slope * ratio), round(256 * ratio))
    return _on_grid(((codes * factor + 128) >> 8).float(), after)


def _regrid(x: Tensor, before: Grid, after: Grid) -> Tensor:
    codes = (x / before.scale).round()
    return _on_grid(_fixed_point(codes, before.scale / after.scale), after)


def _prelu(x: Tensor, slope: Tensor, before: Grid, after: Grid) -> Tensor:
    """With one int8 grid for all slopes."""
    codes = (x / before.scale).round()
    step = float(slope.abs().max()) / 127
    slopes = half_away(slope.double() / step)[:, None, None].float()
    above = _fixed_point(codes, before.scale / after.scale)
    below = _fixed_point(codes * slopes, before.scale * step / after.scale)
    return _on_grid(torch.where(codes < 0, below, above), after)


def _fixed_point(x: Tensor, ratio: float) -> Tensor:
    """As LiteRT's own kernels round: after the ratio's mantissa, then its power of two."""
    mantissa, exponent = math.frexp(ratio)
    once = (x * 2 ** max(exponent, 0) * mantissa + 0.5).floor()
    return half_away(once * 2.0 ** min(exponent, 0))


def _on_grid(steps: Tensor, grid: Grid) -> Tensor:
    """Values from multiples of the grid's scale, rounded and limited."""
    zero = grid.zero_point
    limited = steps.round().clamp_(grid.lowest_code - zero, grid.highest_code - zero)
    return limited.mul_(grid.scale)


def _round(x: Tensor, grid: Grid) -> Tensor:
    return _on_grid(x / grid.scale, grid)
