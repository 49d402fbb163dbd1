"""Post-training quantisation of a trained network.

Channels are equalised and the ranges calibrated; then the readout is solved again on what the
quantised body gives it, so that it undoes what rounding did on average, and rounded with error
feedback. The result is float weights: whoever rounds them gets the simulated network.
"""

import torch

from nas.graph import Graph
from nas.quantize.equalize import equalize
from nas.quantize.rounding import round_with_feedback
from nas.quantize.scheme import Grid
from nas.quantize.simulate import Simulation, calibrate
from nas.readers.readout import Readout, find_readout
from nas.readers.to_torch import to_torch
from nas.readers.weights import Array, Weights, kernel_from_torch
from nas.train.loop import SolveSet
from nas.train.solve import ridge_readout

__all__ = ["quantize"]


@torch.no_grad()
def quantize(
    graph: Graph, weights: Weights, solve_set: SolveSet, *, ridge: float
) -> tuple[dict[str, Array], tuple[Grid, ...]]:
    """Float weights to deploy, and the grid of each node.

    Args:
        graph: The network.
        weights: As trained.
        solve_set: Patches that set the ranges and on which the readout is solved.
        ridge: Pull of the solution towards the trained weights.
    """
    outputs = to_torch(graph, weights).run(solve_set.lr, range(len(graph.nodes)))
    peaks = {i: y.abs().amax(dim=(0, 2, 3)).numpy() for i, y in enumerate(outputs)}
    found = equalize(graph, weights, peaks)
    grid = calibrate(graph, found, solve_set.lr)
    readout = find_readout(graph)
    if readout is None:
        return found, grid
    found |= _solve(graph, found, grid, readout, solve_set, ridge)
    return found, calibrate(graph, found, solve_set.lr)


def _solve(
    graph: Graph,
    weights: Weights,
    grid: tuple[Grid, ...],
    readout: Readout,
    solve_set: SolveSet,
    ridge: float,
) -> dict[str, Array]:
    outputs = Simulation(graph, weights, grid).run(
        solve_set.lr, max(readout.conv - 1, readout.added or 0)
    )
    target = solve_set.target
    if readout.added is not None:
        target = target - outputs[readout.added]
    name = str(readout.conv)
    trained = to_torch(graph, weights)
    bias = trained.biases[name] if name in trained.biases else None
    features = outputs[graph.nodes[readout.conv].inputs[0]]
    solution = ridge_readout(features, target, trained.kernels[name], bias, ridge=ridge)
    kernel, rounded = round_with_feedback(solution.kernel, solution.bias, solution.normal)
    found = {f"{name}/kernel": kernel_from_torch(kernel.numpy())}
    if rounded is not None:
        found[f"{name}/bias"] = rounded.numpy()
    return found
