"""The readout in closed form: ridge regression of the last convolution on its features."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from nas.readers.readout import Readout
from nas.readers.to_torch import space_to_depth

__all__ = ["Solution", "added_to", "ridge_readout"]


@dataclass(frozen=True, slots=True)
class Solution:
    """A solved convolution.

    Args:
        kernel: (f, c, k, k).
        bias: (f,), or None where the convolution has none.
        normal: Normal matrix with its ridge, (c*k*k [+ 1 for the bias], same), float64.
    """

    kernel: Tensor
    bias: Tensor | None
    normal: Tensor


def added_to(readout: Readout, outputs: Sequence[Tensor]) -> Tensor | float:
    """What is added to a readout, in the shape that the readout writes; `outputs` by position."""
    if readout.added is None:
        return 0.0
    added = outputs[readout.added]
    return space_to_depth(added, readout.block) if readout.shuffled else added


def ridge_readout(
    features: Tensor, target: Tensor, kernel: Tensor, bias: Tensor | None, *, ridge: float
) -> Solution:
    """The convolution of `features` that is nearest to `target`.

    Args:
        features: What the convolution reads, (n, c, h, w).
        target: What it should write, (n, f, h, w).
        kernel: Present kernel, (f, c, k, k); the solution is shrunk towards it.
        bias: Present bias, (f,), or None where the convolution has none.
        ridge: Penalty relative to the mean diagonal of the normal matrix.
    """
    f, c, k, _ = kernel.shape
    parameters = kernel.reshape(f, -1)
    if bias is not None:
        parameters = torch.cat([parameters, bias[:, None]], dim=1)
    size = parameters.shape[1]
    normal = torch.zeros(size, size, dtype=torch.float64)
    moment = torch.zeros(size, f, dtype=torch.float64)
    # Four patches at a time stay in the cache.
    for x, y in zip(torch.split(features, 4), torch.split(target, 4), strict=True):
        rows = functional.unfold(x, k, padding=k // 2).transpose(1, 2).reshape(-1, c * k * k)
        if bias is not None:
            rows = torch.cat([rows, torch.ones(len(rows), 1)], dim=1)
        wanted = y.flatten(2).transpose(1, 2).reshape(-1, f)
        normal += (rows.T @ rows).double()
        moment += (rows.T @ (wanted - rows @ parameters.T)).double()
    normal.diagonal().add_(ridge * normal.diagonal().mean())
    solved = parameters + torch.linalg.solve(normal, moment).T.float()
    if bias is None:
        return Solution(solved.reshape(kernel.shape), None, normal)
    return Solution(solved[:, :-1].reshape(kernel.shape), solved[:, -1], normal)
