"""What rounding each layer costs: alone, and what is gained where only it stays float."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nas.graph import Conv2d, Graph, TransposedConv2d
from nas.graph.names import op_text
from nas.quantize.fake import fake_kernel
from nas.quantize.scheme import MOVES, Grid, read_scheme
from nas.readers.to_torch import GraphModule, Parts
from nas.readers.weights import Weights

__all__ = ["Sensitivity", "read_sensitivity"]

Measure = Callable[[Tensor], float]
"""Upscaled images (n, c, h, w) -> PSNR in dB."""


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """One layer of a network.

    Args:
        position: Of its node.
        op: In the text form.
        weights_db: PSNR lost where only its weights are rounded; None where it has no kernel.
        activations_db: Lost where only its output is rounded; None where nothing is rounded there.
        without_db: Gained where all layers but this are rounded, against all of them.
    """

    position: int
    op: str
    weights_db: float | None
    activations_db: float | None
    without_db: float


def read_sensitivity(
    graph: Graph, weights: Weights, grid: Sequence[Grid], images: Tensor, measure: Measure
) -> list[Sensitivity]:
    """Every layer that rounds something, in the order of the network.

    Args:
        graph: The network.
        weights: Float weights to deploy.
        grid: Of each node.
        images: (n, c, h, w) in 0..1.
        measure: Of the upscaled images.
    """
    network = _PartlyRounded(graph, weights, grid)
    kernels, outputs = network.kernels_rounded, network.outputs_rounded
    everywhere = kernels | outputs

    def psnr_db(some_kernels: frozenset[int], some_outputs: frozenset[int]) -> float:
        network.kernels_rounded, network.outputs_rounded = some_kernels, some_outputs
        with torch.no_grad():
            return measure(network.forward(images))

    nothing: frozenset[int] = frozenset()
    float_db, rounded_db = psnr_db(nothing, nothing), psnr_db(kernels, outputs)
    found = []
    for position in sorted(everywhere):
        only = frozenset({position})
        found.append(
            Sensitivity(
                position,
                op_text(graph.nodes[position].op),
                float_db - psnr_db(only, nothing) if position in kernels else None,
                float_db - psnr_db(nothing, only) if position in outputs else None,
                psnr_db(kernels - only, outputs - only) - rounded_db,
            )
        )
    return found


class _PartlyRounded(GraphModule):
    """Runs a network in float, with the kernels and outputs of some nodes on their grids."""

    def __init__(self, graph: Graph, weights: Weights, grid: Sequence[Grid]) -> None:
        super().__init__(graph)
        self.load_weights(weights)
        self.eval()
        self._grid = grid
        rectified = read_scheme(graph).rectified
        self.kernels_rounded = frozenset(
            i
            for i, node in enumerate(graph.nodes)
            if isinstance(node.op, Conv2d | TransposedConv2d)
        )
        self.outputs_rounded = frozenset(
            i
            for i, node in enumerate(graph.nodes)
            if i and not isinstance(node.op, MOVES) and i not in rectified
        )

    def parts_of(self, position: int) -> Parts:
        """What a node holds, its kernel rounded where that is asked for."""
        parts = super().parts_of(position)
        if position not in self.kernels_rounded:
            return parts
        op = self.graph.nodes[position].op
        axis, bits = (0, op.bits) if isinstance(op, Conv2d) else (1, 8)
        return parts._replace(kernel=fake_kernel(parts.kernel, axis=axis, bits=bits)[0])

    def apply_node(self, position: int, *xs: Tensor) -> Tensor:
        """The output of a node, on its grid where that is asked for."""
        y = super().apply_node(position, *xs)
        if position not in self.outputs_rounded:
            return y
        grid = self._grid[position]
        codes = (y / grid.scale).round()
        return codes.clamp(-128 - grid.zero_point, 127 - grid.zero_point) * grid.scale
