"""New weights for the convolutions of a quantised network, one after the other.

Each reads what the quantised network so far writes, and is to write what it wrote in the float
network: with another bias, solved by least squares, or rounded with care.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from nas.graph import Conv2d, Graph, TransposedConv2d
from nas.quantize.calibration import Images, batches
from nas.quantize.linear import (
    Linear,
    Part,
    is_solvable,
    join,
    split,
    split_features,
    split_target,
)
from nas.quantize.method import Layers, Method
from nas.quantize.rounding import round_with_feedback
from nas.quantize.simulate import Simulation
from nas.quantize.walk import Frontier
from nas.readers.solve import NormalEquations
from nas.readers.to_torch import GraphModule, to_torch
from nas.readers.weights import Array, Weights, kernel_from_torch

__all__ = ["Care", "care_of", "revise", "revise_conv"]

RIDGE = 1e-3  # little: the target is the network's own output, not new images
PLENTY = 64  # pixels for each weight of a channel: then each fourth pixel is as good as all


@dataclass(frozen=True, slots=True)
class Care:
    """What is done to one convolution.

    Args:
        solve: Whether it is solved anew.
        feedback: Whether its weights are rounded with feedback.
        correct_bias: Whether its bias makes good the mean error.
        per_channel: Whether each output channel is rounded on a scale of its own.
    """

    solve: bool
    feedback: bool
    correct_bias: bool
    per_channel: bool

    @property
    def does_nothing(self) -> bool:
        return not (self.solve or self.feedback or self.correct_bias)


def care_of(method: Method, *, readout: bool) -> Care:
    """What a method does to the readout, or to any other convolution."""

    def applies(layers: Layers) -> bool:
        return layers == "all" or (readout and layers == "readout")

    return Care(
        applies(method.refit),
        applies(method.feedback),
        method.bias_correction,
        method.per_channel,
    )


@torch.no_grad()
def revise(
    graph: Graph,
    weights: Weights,
    simulation: Simulation,
    images: Images,
    *,
    care: Care,
    but: Collection[int] = (),
) -> dict[str, Array]:
    """New kernels and biases, by the names of their weights.

    Args:
        graph: The network.
        weights: Those of the float network that is imitated.
        simulation: Of the same weights; it gets the new ones.
        images: Representative images.
        care: What is done to each convolution.
        but: Positions of convolutions that are left as they are.
    """
    if care.does_nothing:
        return {}
    trained = to_torch(graph, weights)
    exact = [Frontier(graph, batch) for batch in batches(images)]
    rounded = [Frontier(graph, batch) for batch in batches(images)]
    found: dict[str, Array] = {}
    for position, node in enumerate(graph.nodes):
        op = node.op
        if isinstance(op, Linear) and is_solvable(op) and position not in but:
            features = [run.reads(position)[0] for run in rounded]
            targets = [_written(trained, position, run.reads(position)[0]) for run in exact]
            found |= revise_conv(simulation, position, trained, features, targets, care)
        for run in exact:
            run.put(position, trained.apply_node(position, *run.reads(position)))
        for run in rounded:
            run.put(position, simulation.apply(position, run.reads(position)))
    return found


@torch.no_grad()
def revise_conv(
    simulation: Simulation,
    position: int,
    trained: GraphModule,
    features: Sequence[Tensor],
    targets: Sequence[Tensor],
    care: Care,
) -> dict[str, Array]:
    """New weights of one convolution, by name; the simulation gets them, too.

    Args:
        simulation: The quantised network.
        position: Of the convolution, which is solvable.
        trained: Holds its float weights.
        features: What it reads in the quantised network, batch by batch.
        targets: What it should write before its activation.
        care: What is done to it.
    """
    op, parts = trained.graph.nodes[position].op, trained.parts_of(position)
    if not isinstance(op, Linear):
        raise TypeError(f"{op} is no convolution")
    xs = [split_features(op, x) for x in features]
    ys = [split_target(op, y) for y in targets]
    revised = [
        _revise_part(op, part, [x[i] for x in xs], [y[i] for y in ys], care)
        for i, part in enumerate(split(op, parts.kernel, parts.bias))
    ]
    kernel, bias = (whole := join(op, revised)).kernel, whole.bias
    simulation.replace(position, kernel, bias)
    found = {f"{position}/kernel": kernel_from_torch(kernel.numpy())}
    return found if bias is None else found | {f"{position}/bias": bias.numpy()}


def _revise_part(
    op: Linear, part: Part, features: Sequence[Tensor], targets: Sequence[Tensor], care: Care
) -> Part:
    if care.solve or care.feedback:
        equations = NormalEquations(part.kernel, part.bias)
        pixels = sum(y[:, 0].numel() for y in targets)
        every = 2 if pixels > PLENTY * part.kernel[0].numel() else 1
        for x, y in zip(features, targets, strict=True):
            equations.add(x, y, every=every)
        solution = equations.solve(RIDGE)
        if care.solve:
            part = Part(solution.kernel, solution.bias)
        if care.feedback:
            peak = _peaks(op, part.kernel, care)
            bits = op.bits if isinstance(op, Conv2d) else 8
            rounded = round_with_feedback(
                part.kernel, part.bias, solution.normal, peak=peak, bits=bits
            )
            part = Part(*rounded)
    if care.correct_bias and part.bias is not None:
        return Part(part.kernel, part.bias - _mean_error(op, part, features, targets, care))
    return part


def _mean_error(
    op: Linear, part: Part, features: Sequence[Tensor], targets: Sequence[Tensor], care: Care
) -> Tensor:
    """Of each channel, over all pixels of all batches."""
    step = (_peaks(op, part.kernel, care).clamp_min(1e-12) / 127)[:, None, None, None]
    rounded = (part.kernel / step).round() * step
    error, pixels = torch.zeros(len(rounded)), 0
    for x, y in zip(features, targets, strict=True):
        written = functional.conv2d(x, rounded, part.bias, padding=rounded.shape[2] // 2)
        error += (written - y).sum(dim=(0, 2, 3))
        pixels += y[:, 0].numel()
    return error / pixels


def _peaks(op: Linear, kernel: Tensor, care: Care) -> Tensor:
    """The largest weight on the grid of each output channel of a part."""
    peaks = kernel.abs().amax(dim=(1, 2, 3))
    if not care.per_channel:
        return peaks.amax().expand(len(peaks))
    if isinstance(op, TransposedConv2d):  # a channel of it is one of each pixel of the block
        return peaks.reshape(-1, op.features).amax(dim=0).repeat(op.stride**2)
    return peaks


def _written(trained: GraphModule, position: int, x: Tensor) -> Tensor:
    """What a convolution writes before its activation."""
    op = trained.graph.nodes[position].op
    plain = replace(op, activation="none") if isinstance(op, Conv2d) else op
    return trained.apply_op(plain, position, x)
