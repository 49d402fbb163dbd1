"""One resumable training run of one network."""

import math

import numpy as np
import torch
from torch import Tensor

from nas.data.patches import PatchSampler
from nas.graph import Clip, Graph
from nas.readers.readout import find_readout
from nas.readers.solve import added_to, ridge_readout
from nas.readers.to_torch import GraphModule, image_tensor, space_to_depth, to_torch
from nas.readers.weights import Array, Weights
from nas.train.recipe import Recipe
from nas.train.start import identity_start
from nas.train.trainable import Trainable

__all__ = ["SolveSet", "Trainer", "solve_readout"]


class SolveSet:
    """Patches for closed-form readouts and for calibration, as tensors.

    Args:
        lr: uint8 (n, h, w, c).
        hr: uint8 (n, h*scale, w*scale, c).
    """

    def __init__(self, lr: np.ndarray, hr: np.ndarray) -> None:
        self.lr = image_tensor(lr)
        self.hr = image_tensor(hr)


class Trainer:
    """Trains one graph; `advance` may be called again to go on.

    Loss is L1 before the output clip, whose gradient would vanish where it limits.
    """

    def __init__(
        self, graph: Graph, sampler: PatchSampler, solve_set: SolveSet, recipe: Recipe, *, seed: int
    ) -> None:
        self.recipe = recipe
        self.step = 0
        self._graph = graph
        self._sampler = sampler
        self._solve_set = solve_set
        self._readout = find_readout(graph)
        self._module = Trainable(graph, seed=seed)
        self._start_from(identity_start(graph, seed=seed, gain=recipe.body_gain))
        self._parameters = list(self._module.parameters())
        self._average = [tensor.detach().clone() for tensor in self._module.deployed()]
        self._optimizer = self._make_optimizer()

    def advance(self, to_step: int) -> None:
        """Trains up to `to_step` of the schedule."""
        while self.step < to_step:
            self._train_step()

    def weights(self) -> dict[str, Array]:
        """The averaged weights, their readout solved anew."""
        module = to_torch(self._graph)
        with torch.no_grad():
            for parameter, average in zip(module.parameters(), self._average, strict=True):
                parameter.copy_(average)
        solve_readout(module, self._solve_set, self.recipe.ridge)
        return module.weights()

    def _start_from(self, weights: Weights) -> None:
        self._module.load_weights(weights)
        start = self._module.plain()  # a narrow form only comes near to `weights`
        solve_readout(start, self._solve_set, self.recipe.ridge)
        self._module.load_weights(start.weights())
        self._module.settle(self._solve_set.lr)

    def _make_optimizer(self) -> torch.optim.Adam:
        by_factor: dict[float, list[torch.nn.Parameter]] = {}
        for position in range(len(self._graph.nodes)):
            if parameters := self._module.parameters_of(position):
                factor = 1 / self._module.amplification(position)
                if self._readout and position == self._readout.conv:
                    factor *= self.recipe.readout_factor
                by_factor.setdefault(factor, []).extend(parameters)
        groups = [{"params": found, "factor": factor} for factor, found in by_factor.items()]
        return torch.optim.Adam(groups, lr=self.recipe.learning_rate, fused=True)

    def _learning_rate(self) -> float:
        recipe = self.recipe
        warm = min(1.0, (self.step + 1) / recipe.warmup_steps)
        return warm * recipe.learning_rate * (1 + math.cos(math.pi * self.step / recipe.steps)) / 2

    def _train_step(self) -> None:
        lr, hr = self._sampler.batch(self.step, self.recipe.batch_size)
        rate = self._learning_rate()
        for group in self._optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        loss = (unclipped(self._module, image_tensor(lr)) - image_tensor(hr)).abs().mean()
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        for parameter in self._parameters:
            if parameter.grad is not None and parameter.grad.ndim == 4:  # centre each filter's
                parameter.grad -= parameter.grad.mean(dim=(1, 2, 3), keepdim=True)
        self._optimizer.step()
        self.step += 1
        decay = min(self.recipe.ema_decay, self.step / (self.step + 10))
        with torch.no_grad():  # what is deployed is averaged, whatever it was made of
            torch._foreach_lerp_(self._average, self._module.deployed(), 1 - decay)


def unclipped(module: GraphModule, x: Tensor) -> Tensor:
    """The output of a network whose clips are left out."""
    found: list[Tensor] = []
    for position, node in enumerate(module.graph.nodes):
        xs = [found[i] for i in node.inputs] or [x]
        found.append(xs[0] if isinstance(node.op, Clip) else module.apply_node(position, *xs))
    return found[-1]


@torch.no_grad()
def solve_readout(module: GraphModule, solve_set: SolveSet, ridge: float) -> None:
    """Replaces the last convolution by its closed-form solution; does nothing without one."""
    readout = find_readout(module.graph)
    if readout is None:
        return
    outputs = module.run(solve_set.lr, range(max(readout.conv, readout.added or 0) + 1))
    name = str(readout.conv)
    target = space_to_depth(solve_set.hr, readout.block) - added_to(readout, outputs)
    features = outputs[module.graph.nodes[readout.conv].inputs[0]]
    bias = module.biases.get(name)
    solution = ridge_readout(features, target, module.kernels[name], bias, ridge=ridge)
    module.kernels[name].copy_(solution.kernel)
    if bias is not None and solution.bias is not None:
        bias.copy_(solution.bias)
