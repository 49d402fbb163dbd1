"""Full-integer inference as LiteRT does it, simulated in torch.

Weights are per-channel symmetric int8, biases int32 on the grid of input times weight, each op's
output is rounded to its int8 grid. Values stay real multiples of their grid, so an op is computed
by the float reader and rounded; codes differ from LiteRT's only where a tie falls the other way.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from nas.graph import Conv2d, Graph
from nas.quantize.scheme import MOVES, Grid, grids, regrids
from nas.readers.to_torch import GraphModule, to_torch
from nas.readers.weights import Weights

__all__ = ["Simulation", "calibrate", "quantize_kernel"]


def quantize_kernel(kernel: Tensor) -> tuple[Tensor, Tensor]:
    """int8 codes as float (f, c, k, k) and the scale of each output channel, (f,)."""
    scale = kernel.abs().amax(dim=(1, 2, 3)).clamp_min(1e-12) / 127
    return (kernel / scale[:, None, None, None]).round(), scale


@torch.no_grad()
def calibrate(graph: Graph, weights: Weights, images: Tensor) -> tuple[Grid, ...]:
    """Grids from the smallest and largest value of each node over `images` (n, c, h, w)."""
    outputs = to_torch(graph, weights).run(images, range(len(graph.nodes)))
    return grids(graph, {i: (float(y.min()), float(y.max())) for i, y in enumerate(outputs)})


class Simulation:
    """A network with int8 weights and activations.

    Args:
        graph: The network.
        weights: Float weights; they are rounded here.
        grid: Of each node, from `calibrate`.
    """

    def __init__(self, graph: Graph, weights: Weights, grid: Sequence[Grid]) -> None:
        self.graph = graph
        self.grid = tuple(grid)
        self.module: GraphModule = to_torch(graph, weights)
        self._regrids = regrids(graph, self.grid)
        for position, node in enumerate(graph.nodes):
            if isinstance(node.op, Conv2d):
                self.round_conv(position)

    @torch.no_grad()
    def round_conv(self, position: int) -> None:
        """Puts kernel and bias of one convolution on their grids."""
        name = str(position)
        kernel = self.module.kernels[name]
        codes, scale = quantize_kernel(kernel)
        kernel.copy_(codes * scale[:, None, None, None])
        if name in self.module.biases:
            bias = self.module.biases[name]
            step = scale * self.grid[self.graph.nodes[position].inputs[0]].scale
            bias.copy_((bias / step).round() * step)

    @torch.no_grad()
    def run(self, images: Tensor, end: int | None = None) -> list[Tensor]:
        """Outputs of the nodes up to `end` (default: all), real values on their grids."""
        found: list[Tensor] = []
        for position in range(len(self.graph.nodes) if end is None else end + 1):
            node = self.graph.nodes[position]
            xs = [self._read(position, i, found[i]) for i in node.inputs] or [images]
            y = self.module.apply_node(position, *xs)
            found.append(y if isinstance(node.op, MOVES) else _round(y, self.grid[position]))
        return found

    def __call__(self, images: Tensor) -> Tensor:
        """(n, c, h, w) in 0..1 on the uint8 grid -> (n, c, scale h, scale w) on the uint8 grid."""
        return self.run(images)[-1]

    def _read(self, reader: int, source: int, x: Tensor) -> Tensor:
        if (reader, source) in self._regrids:
            return _round(x, self.grid[reader])
        return x


def _round(x: Tensor, grid: Grid) -> Tensor:
    return torch.fake_quantize_per_tensor_affine(x, grid.scale, grid.zero_point, -128, 127)
