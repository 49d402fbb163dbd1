"""Convolutions of any kind as plain ones side by side, which least squares can solve.

A grouped convolution is one per group. A transposed one is a plain one that writes the pixels of a
block as channels, if its kernel covers an odd number of blocks.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from nas.graph import Conv2d, Op, TransposedConv2d
from nas.readers.to_torch import space_to_depth

__all__ = ["Part", "is_solvable", "join", "split", "split_features", "split_target"]

Linear = Conv2d | TransposedConv2d


@dataclass(frozen=True, slots=True)
class Part:
    """A plain convolution of stride 1.

    Args:
        kernel: (f, c, k, k), k odd.
        bias: (f,) or None.
    """

    kernel: Tensor
    bias: Tensor | None


def is_solvable(op: Op) -> bool:
    """Whether an op can be seen so."""
    if isinstance(op, TransposedConv2d):
        return op.kernel % (2 * op.stride) == op.stride
    return isinstance(op, Conv2d) and op.stride == 1


def split(op: Linear, kernel: Tensor, bias: Tensor | None) -> list[Part]:
    """The plain convolutions; arguments in torch's layout."""
    if isinstance(op, TransposedConv2d):
        c, f, s = kernel.shape[0], op.features, op.stride
        size = op.kernel // s
        # A tap is (block, pixel in it); blocks run against those of a plain convolution.
        taps = kernel.reshape(c, f, size, s, size, s).flip(2, 4)
        plain = taps.permute(3, 5, 1, 0, 2, 4).reshape(s * s * f, c, size, size)
        return [Part(plain, None if bias is None else bias.repeat(s * s))]
    biases = [None] * op.groups if bias is None else list(bias.chunk(op.groups))
    return [Part(k, b) for k, b in zip(kernel.chunk(op.groups), biases, strict=True)]


def join(op: Linear, parts: list[Part]) -> Part:
    """Kernel and bias of the op, in torch's layout; undoes `split`."""
    if isinstance(op, TransposedConv2d):
        (part,) = parts
        f, s = op.features, op.stride
        size, c = op.kernel // s, part.kernel.shape[1]
        taps = part.kernel.reshape(s, s, f, c, size, size).permute(3, 2, 4, 0, 5, 1).flip(2, 4)
        bias = None if part.bias is None else part.bias.reshape(s * s, f).mean(dim=0)
        return Part(taps.reshape(c, f, op.kernel, op.kernel), bias)
    biases = [part.bias for part in parts if part.bias is not None]
    return Part(torch.cat([part.kernel for part in parts]), torch.cat(biases) if biases else None)


def split_features(op: Linear, x: Tensor) -> list[Tensor]:
    """What each part reads."""
    return list(x.chunk(op.groups, dim=1)) if isinstance(op, Conv2d) else [x]


def split_target(op: Linear, y: Tensor) -> list[Tensor]:
    """What each part writes, given what the op writes before its activation."""
    return (
        list(y.chunk(op.groups, dim=1))
        if isinstance(op, Conv2d)
        else [space_to_depth(y, op.stride)]
    )
