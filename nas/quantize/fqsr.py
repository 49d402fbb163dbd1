"""Fully quantised super-resolution: weights, features and skips at few bits, trained."""

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from nas.graph import Add, BatchNorm, Conv2d, Graph, Input, Op, TransposedConv2d
from nas.quantize.fake import dorefa_features, dorefa_kernel
from nas.quantize.intervals import Intervals, Quantizer
from nas.quantize.settings import LOSS_UNIT, Fqsr
from nas.quantize.signs import unsigned_nodes
from nas.readers.to_torch import GraphModule, Parts, forward_of

__all__ = ["FqsrNetwork", "place_quantizers"]

_CONV = Conv2d | TransposedConv2d
_FLOAT = 32


def place_quantizers(graph: Graph, settings: Fqsr) -> dict[str, Quantizer]:
    """Quantisers by "<node position>/<what>": weights, features, output (of convolutions), sum.

    Features are unsigned where the graph excludes negative values; all others are signed.
    """
    unsigned = unsigned_nodes(graph)
    last = _last(graph, Conv2d, TransposedConv2d) | _last(graph, Add)
    found: dict[str, Quantizer] = {}

    def place(name: str, bits: int, own_bits: int = 8, *, signed: bool = True) -> None:
        if bits != _FLOAT:
            found[name] = Quantizer(min(bits, own_bits), signed)

    everything = settings.scope == "paper"
    for position, node in enumerate(graph.nodes):
        if isinstance(node.op, _CONV):
            source = node.inputs[0]
            own_bits = node.op.bits if isinstance(node.op, Conv2d) else 8
            place(f"{position}/weights", settings.weights, own_bits)
            if everything or not isinstance(graph.nodes[source].op, Input):
                signed = source not in unsigned
                place(f"{position}/features", settings.features, own_bits, signed=signed)
            if everything or position not in last:
                place(f"{position}/output", settings.skips)
        elif isinstance(node.op, Add):
            normalised = any(isinstance(graph.nodes[i].op, BatchNorm) for i in node.inputs)
            if everything or not (normalised or position in last):
                place(f"{position}/sum", settings.skips, node.op.bits)
    return found


def _last(graph: Graph, *kinds: type[Op]) -> frozenset[int]:
    """Positions of the ops of some kinds that no other of them comes after."""
    followed: set[int] = set()
    for position in range(len(graph.nodes) - 1, -1, -1):
        if position in followed or type(graph.nodes[position].op) in kinds:
            followed.update(graph.nodes[position].inputs)
    return frozenset(
        position
        for position, node in enumerate(graph.nodes)
        if type(node.op) in kinds and position not in followed
    )


class FqsrNetwork(GraphModule):
    """Runs a graph with few bits, in float, gradients passing the rounding.

    Convolutions read features that are rounded after zero padding and write what is rounded before
    the activation. Batch normalisation trains as it is, behind the rounding.

    Args:
        graph: The network; forms are not seen.
        settings: Bits, and how intervals come about.

    Source:
        Wang et al. 2021 (arXiv:2011.14265), and the authors' code.
    """

    def __init__(self, graph: Graph, settings: Fqsr) -> None:
        super().__init__(graph)
        self.settings = settings
        trained = settings.daia and not settings.dorefa
        self.intervals = Intervals(
            place_quantizers(graph, settings), settings.grid, trained=trained
        )
        self.warmup_steps = self.intervals.warmup_steps
        self._calibrating = False
        self._losses: list[Tensor] = []

    def begin_step(self, step: int) -> None:
        """Prepares the step with this number, from 0, of its training."""
        self.intervals.begin_step(step)

    def after_step(self) -> None:
        """Nothing to put right."""

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
        """Takes intervals from the float network on images, (n, c, h, w) in 0..1."""
        mode = self.training
        self.eval()
        self._calibrating = True
        self.forward(images)
        self._calibrating = False
        self.train(mode)

    def apply_node(self, position: int, *xs: Tensor) -> Tensor:
        """The output of one node, given what it reads; convolutions and sums round."""
        if position == 0:  # a pass begins with the image
            self._losses = []
        op = self.graph.nodes[position].op
        with torch.autocast(xs[0].device.type, enabled=False):  # it has few bits of its own
            xs = tuple(x.float() for x in xs)
            if isinstance(op, _CONV):
                return self._convolve(op, position, *xs)
            if isinstance(op, Add):
                xs = self._quantize(f"{position}/sum", torch.cat(xs)).chunk(2)
            return self.apply_op(op, position, *xs)

    def _convolve(self, op: Conv2d | TransposedConv2d, position: int, x: Tensor) -> Tensor:
        parts = self.parts_of(position)
        if isinstance(op, Conv2d) and op.stride == 1:
            x = functional.pad(x, [op.kernel // 2] * 4)
            x = self._quantize(f"{position}/features", x)
            y = functional.conv2d(x, parts.kernel, parts.bias, groups=op.groups)
        else:
            x = self._quantize(f"{position}/features", x)
            y = forward_of(_linear(op), parts, x)
        y = self._quantize(f"{position}/output", y)
        rectified = isinstance(op, Conv2d) and op.activation == "relu"
        return functional.relu(y) if rectified else y

    def parts_of(self, position: int) -> Parts:
        """What the node at `position` holds, its kernel rounded."""
        parts = super().parts_of(position)
        return parts._replace(kernel=self._quantize(f"{position}/weights", parts.kernel))

    def _quantize(self, name: str, v: Tensor) -> Tensor:
        """`v` as the quantiser of this name rounds it; as it is where there is none."""
        if name not in self.intervals.quantizers:
            return v
        if self.settings.dorefa:
            return self._quantize_as_dorefa(name, v)
        if self._calibrating:
            self.intervals.take(name, v)
            return v
        if self.training:
            self.intervals.see(name, v)
        if self.intervals.estimating:
            return v
        rounded = self.intervals.quantize(name, v)
        if self.settings.sqcl and self.training:
            self._losses.append((rounded - v).abs().mean())
        return rounded

    def _quantize_as_dorefa(self, name: str, v: Tensor) -> Tensor:
        quantizer = self.intervals.quantizers[name]
        if name.endswith(
            "/weights"
        ):  # the largest weight stays, or no float network could start it
            return dorefa_kernel(v, bits=quantizer.bits) * v.detach().abs().max()
        if quantizer.signed:
            return 2 * dorefa_features((v + 1) / 2, bits=quantizer.bits) - 1
        return dorefa_features(v, bits=quantizer.bits)


def _linear(op: Op) -> Op:
    """A convolution without its activation."""
    return replace(op, activation="none") if isinstance(op, Conv2d) else op
