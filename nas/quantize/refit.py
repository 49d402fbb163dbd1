"""Post-training quantisation of a trained network.

Channels are equalised and the ranges calibrated; then the readout is solved again so that on the
features of the quantised body it writes what the float network writes, and is rounded with error
feedback. The result is float weights: whoever rounds them gets the simulated network.
"""

import torch
from torch import Tensor

from nas.graph import Graph
from nas.quantize.equalize import equalize
from nas.quantize.rounding import round_with_feedback
from nas.quantize.scheme import Grid
from nas.quantize.simulate import Simulation, calibrate
from nas.readers.readout import Readout, find_readout
from nas.readers.solve import added_to, ridge_readout
from nas.readers.to_torch import to_torch
from nas.readers.weights import Array, Weights, kernel_from_torch

__all__ = ["quantize"]

RIDGE = 1e-3  # little: the target is the network's own output, not new images


@torch.no_grad()
def quantize(
    graph: Graph, weights: Weights, images: Tensor
) -> tuple[dict[str, Array], tuple[Grid, ...]]:
    """Float weights to deploy, and the grid of each node.

    Args:
        graph: The network.
        weights: As trained.
        images: Representative images, (n, c, h, w) in 0..1.
    """
    outputs = to_torch(graph, weights).run(images, range(len(graph.nodes)))
    peaks = {i: y.abs().amax(dim=(0, 2, 3)).numpy() for i, y in enumerate(outputs)}
    found = equalize(graph, weights, peaks)
    grid = calibrate(graph, found, images)
    readout = find_readout(graph)
    if readout is None:
        return found, grid
    written = outputs[readout.conv] + added_to(readout, outputs)
    found |= _solve(graph, found, grid, readout, images, written)
    return found, calibrate(graph, found, images)


def _solve(
    graph: Graph,
    weights: Weights,
    grid: tuple[Grid, ...],
    readout: Readout,
    images: Tensor,
    written: Tensor,
) -> dict[str, Array]:
    """Kernel and bias of the readout with which the quantised body comes nearest to `written`."""
    last = max(readout.conv - 1, readout.added or 0)
    outputs = Simulation(graph, weights, grid).run(images, last)
    target = written - added_to(readout, outputs)
    name = str(readout.conv)
    trained = to_torch(graph, weights)
    bias = trained.biases.get(name)
    features = outputs[graph.nodes[readout.conv].inputs[0]]
    solution = ridge_readout(features, target, trained.kernels[name], bias, ridge=RIDGE)
    kernel, rounded = round_with_feedback(solution.kernel, solution.bias, solution.normal)
    found = {f"{name}/kernel": kernel_from_torch(kernel.numpy())}
    if rounded is not None:
        found[f"{name}/bias"] = rounded.numpy()
    return found
