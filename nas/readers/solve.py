"""The readout in closed form: ridge regression of the last convolution on its features."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from nas.readers.readout import Readout
from nas.readers.to_torch import space_to_depth

__all__ = ["NormalEquations", "Solution", "added_to", "ridge_readout"]


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


def added_to(readout: Readout, outputs: Sequence[Tensor] | Mapping[int, Tensor]) -> Tensor | float:
    """What is added to a readout, in the shape that the readout writes; `outputs` by position."""
    if readout.added is None:
        return 0.0
    added = outputs[readout.added]
    return space_to_depth(added, readout.block) if readout.shuffled else added


class NormalEquations:
    """Sums over pixels, from which the nearest convolution follows; pixels come in batches.

    Args:
        kernel: Present kernel, (f, c, k, k); solutions are shrunk towards it.
        bias: Present bias, (f,), or None where the convolution has none.
    """

    def __init__(self, kernel: Tensor, bias: Tensor | None) -> None:
        self._kernel, self._biased = kernel, bias is not None
        parameters = kernel.reshape(len(kernel), -1)
        if bias is not None:
            parameters = torch.cat([parameters, bias[:, None]], dim=1)
        self._parameters = parameters
        size = parameters.shape[1]
        self._normal = torch.zeros(size, size, dtype=torch.float64)
        self._moment = torch.zeros(size, len(kernel), dtype=torch.float64)

    def add(self, features: Tensor, target: Tensor, *, every: int = 1) -> None:
        """Counts what the convolution reads, (n, c, h, w), and should write, (n, f, h, w).

        Along both axes only one pixel in `every` counts: neighbours say nearly the same.
        """
        f, c, k, _ = self._kernel.shape
        # Four patches at a time stay in the cache.
        for x, y in zip(torch.split(features, 4), torch.split(target, 4), strict=True):
            seen = functional.unfold(x, k, padding=k // 2, stride=every)
            rows = seen.transpose(1, 2).reshape(-1, c * k * k)
            if self._biased:
                rows = torch.cat([rows, torch.ones(len(rows), 1)], dim=1)
            wanted = y[..., ::every, ::every].flatten(2).transpose(1, 2).reshape(-1, f)
            self._normal += (rows.T @ rows).double()
            self._moment += (rows.T @ (wanted - rows @ self._parameters.T)).double()

    def solve(self, ridge: float) -> Solution:
        """The nearest convolution, with a penalty relative to the mean diagonal."""
        normal = self._normal.clone()
        normal.diagonal().add_(ridge * normal.diagonal().mean())
        solved = self._parameters + torch.linalg.solve(normal, self._moment).T.float()
        if not self._biased:
            return Solution(solved.reshape(self._kernel.shape), None, normal)
        return Solution(solved[:, :-1].reshape(self._kernel.shape), solved[:, -1], normal)


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
    equations = NormalEquations(kernel, bias)
    equations.add(features, target)
    return equations.solve(ridge)
