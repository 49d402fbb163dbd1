"""Quantisation-aware training on the grids that the converted file has."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from nas.graph import BatchNorm, Conv2d, Graph, LeakyRelu, Prelu, Relu, TransposedConv2d
from nas.graph.rewrites.plan import refusal
from nas.quantize.fake import fake_bias, fake_kernel
from nas.quantize.kernels import leak_codes, moved_codes, prelu_codes
from nas.quantize.ranges import Ranges
from nas.quantize.scheme import MOVES, Grid, read_scheme
from nas.quantize.settings import LOSS_UNIT, WARMUP_STEPS, Qat
from nas.readers.to_torch import GraphModule, Parts
from nas.readers.weights import Array, kernel_to_torch

__all__ = ["Kept", "QatNetwork"]

Kept = Mapping[str, tuple[Array, Array]]
"""By the name of a weight: where it is kept (not 0), and at which values."""

RULE = "INT8 training needs a network without batch normalisation"


class QatNetwork(GraphModule):
    """Runs a graph with int8 weights and activations, in float, gradients passing the rounding.

    Call `load_weights`, then `calibrate`, before it trains. Weights come and go as float; whoever
    rounds them on `grid()` gets this network: `simulate.Simulation`, or `convert.to_tflite`.

    Args:
        graph: Without batch normalisation (see `fold_batch_norm`); forms are not seen.
        settings: How ranges come about.
        kept: Weights that do not train, such as those of carried channels.

    Raises:
        RewriteError: The graph has a batch normalisation; it names the node.

    Source:
        Jacob et al. 2018 (arXiv:1712.05877), section 3.
    """

    def __init__(self, graph: Graph, settings: Qat, *, kept: Kept | None = None) -> None:
        super().__init__(graph)
        for position, node in enumerate(graph.nodes):
            if isinstance(node.op, BatchNorm):
                raise refusal(RULE, graph, position, "is one", hint="run fold_batch_norm first")
        self.settings = settings
        # the first step that trains ranges is like no other for the optimiser, too
        self.warmup_steps = WARMUP_STEPS + 1 if settings.ranges == "daia" else 0
        self.scheme = read_scheme(graph)
        self.ranges = Ranges(graph, self.scheme, settings.ranges)
        self._kept = _Kept(kept or {})
        self._float = False  # while it is calibrated
        self._losses: list[Tensor] = []

    def begin_step(self, step: int) -> None:
        """Prepares the step with this number, from 0, of its training."""
        self.ranges.begin_step(step)

    def after_step(self) -> None:
        """Puts back what is kept."""
        for name, part, parameter in self.named_parts():
            self._kept.restore(f"{name}/{part}", parameter)

    def penalty(self) -> Tensor | None:
        """The calibration loss of the last output, weighted."""
        if not self._losses:
            return None
        return self.settings.sqcl * LOSS_UNIT * torch.stack(self._losses).sum()

    def deployed(self) -> list[Tensor]:
        """Float parameters in the order of those of `to_torch(graph)`."""
        return [parameter for _, _, parameter in self.named_parts()]

    @torch.no_grad()
    def calibrate(self, images: Tensor) -> None:
        """Takes ranges from the float network on images, (n, c, h, w) in 0..1."""
        self._float = True
        outputs = self.run(images, range(len(self.graph.nodes)))
        self._float = False
        for position, y in enumerate(outputs):
            self.ranges.take(position, y)
        self.ranges.refresh()

    def grid(self) -> tuple[Grid, ...]:
        """The grid of each node, as trained."""
        return self.ranges.grid()

    def apply_node(self, position: int, *xs: Tensor) -> Tensor:
        """The output of one node, given what it reads, on its grid."""
        if position == 0:  # a pass begins with the image
            self._losses = []
            self.ranges.refresh()
        with torch.autocast(xs[0].device.type, enabled=False):  # fewer bits would blur the grids
            return self._on_grid(position, [x.float() for x in xs])

    def _on_grid(self, position: int, xs: list[Tensor]) -> Tensor:
        node = self.graph.nodes[position]
        if self._exact:
            y = super().apply_node(position, *xs)
            self._see(position, y)
            return y
        for place, source in enumerate(node.inputs):
            if (position, source) in self.scheme.regrid:
                xs[place] = self._regrid(xs[place], source, position)
        y = super().apply_node(position, *xs)
        if isinstance(node.op, MOVES) or position in self.scheme.rectified:
            return y
        self._see(position, y)
        rounded = self.ranges.quantize(y, position)
        if self.settings.sqcl and self.training:  # kernels have no part: nothing limits them
            self._losses.append((rounded - y).abs().mean())
        if isinstance(node.op, LeakyRelu | Prelu | Relu):
            codes, ratio = self._codes(xs[0], node.inputs[0], position)
            return self._as_integers(rounded, self._bend(node.op, position, codes, ratio), position)
        return rounded

    def _regrid(self, x: Tensor, source: int, reader: int) -> Tensor:
        """What a node that only moves values reads of one that keeps its own grid."""
        self._see(reader, x)
        moved = moved_codes(*self._codes(x, source, reader))
        return self._as_integers(self.ranges.quantize(x, reader), moved, reader)

    def _bend(
        self, op: LeakyRelu | Prelu | Relu, position: int, codes: Tensor, ratio: Tensor
    ) -> Tensor:
        if isinstance(op, Relu):
            return moved_codes(codes.clamp(min=0), ratio)
        if isinstance(op, LeakyRelu):
            return leak_codes(codes, op.slope, ratio)
        return prelu_codes(codes, super().parts_of(position).slope.detach(), ratio)

    def _codes(self, x: Tensor, source: int, reader: int) -> tuple[Tensor, Tensor]:
        """Codes of `x`, and the step of its grid over that of a reader."""
        before, after = (self.ranges.scale_of(i) for i in (source, reader))
        return (x.detach() / before).round(), before.double() / after.double()

    def _as_integers(self, rounded: Tensor, codes: Tensor, position: int) -> Tensor:
        """The values of `codes`, with the gradient of `rounded`."""
        return rounded + (self.ranges.values(codes, position) - rounded).detach()

    @property
    def _exact(self) -> bool:
        """Whether nothing is rounded now."""
        return self._float or self.ranges.estimating

    def _see(self, position: int, y: Tensor) -> None:
        if self.training and not self._float:
            self.ranges.see(position, y)

    def parts_of(self, position: int) -> Parts:
        """What the node at `position` holds, rounded."""
        parts = super().parts_of(position)
        if self._exact:
            return parts
        op = self.graph.nodes[position].op
        if isinstance(op, Conv2d | TransposedConv2d):
            axis, bits = (0, op.bits) if isinstance(op, Conv2d) else (1, 8)
            kernel, steps = fake_kernel(parts.kernel, axis=axis, bits=bits)
            steps = steps * self.ranges.scale_of(self.graph.nodes[position].inputs[0])
            bias = None if parts.bias is None else fake_bias(parts.bias, steps)
            return parts._replace(kernel=kernel, bias=bias)
        return parts


class _Kept(nn.Module):
    """Weights and where they are kept, in torch's layout."""

    def __init__(self, kept: Kept) -> None:
        super().__init__()
        for name, pair in kept.items():
            mask, values = (kernel_to_torch(a) if name.endswith("/kernel") else a for a in pair)
            self.register_buffer(f"{name} where", torch.from_numpy(mask != 0), persistent=False)
            self.register_buffer(f"{name} at", torch.from_numpy(values), persistent=False)

    @torch.no_grad()
    def restore(self, name: str, parameter: Tensor) -> None:
        """Puts back what is kept of a weight."""
        found = dict(self.named_buffers())
        if f"{name} at" in found:
            parameter.copy_(torch.where(found[f"{name} where"], found[f"{name} at"], parameter))
