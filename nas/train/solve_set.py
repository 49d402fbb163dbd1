"""The readout of a network solved on patches."""

import numpy as np
import numpy.typing as npt
import torch

from nas.readers.readout import find_readout
from nas.readers.solve import added_to, ridge_readout
from nas.readers.to_torch import GraphModule, image_tensor, space_to_depth

__all__ = ["SolveSet", "solve_readout"]


class SolveSet:
    """Patches for closed-form readouts and for calibration, as tensors.

    Args:
        lr: uint8 (n, h, w, c).
        hr: uint8 (n, h*scale, w*scale, c).
    """

    def __init__(self, lr: npt.NDArray[np.uint8], hr: npt.NDArray[np.uint8]) -> None:
        self.lr = image_tensor(lr)
        self.hr = image_tensor(hr)


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
