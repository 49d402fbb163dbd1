"""A convolution of any kind, seen as plain ones, computes the same."""

import pytest
import torch
from torch.nn import functional

from nas.graph import Conv2d, Op, Relu, TransposedConv2d
from nas.quantize.linear import (
    Linear,
    Part,
    is_solvable,
    join,
    split,
    split_features,
    split_target,
)
from nas.readers.to_torch import Parts, forward_of

OPS = [
    Conv2d(4, kernel=1),
    Conv2d(5),
    Conv2d(8, kernel=5, groups=4),
    TransposedConv2d(3, kernel=9, stride=3),
    TransposedConv2d(2, kernel=2, stride=2),
    TransposedConv2d(1, kernel=10, stride=2),
]
each_op = pytest.mark.parametrize("op", OPS, ids=str)


def random_part(op: Linear) -> Part:
    generator = torch.Generator().manual_seed(0)
    if isinstance(op, TransposedConv2d):
        size = (8, op.features, op.kernel, op.kernel)
    else:
        size = (op.features, 8 // op.groups, op.kernel, op.kernel)
    bias = torch.randn(op.features, generator=generator)
    return Part(torch.randn(size, generator=generator), bias)


@each_op
def test_parts_write_what_the_whole_writes(op: Linear) -> None:
    part = random_part(op)
    x = torch.randn(2, 8, 6, 7, generator=torch.Generator().manual_seed(1))
    whole = split_target(op, forward_of(op, Parts(kernel=part.kernel, bias=part.bias), x))
    for plain, read, wanted in zip(
        split(op, part.kernel, part.bias), split_features(op, x), whole, strict=True
    ):
        padding = plain.kernel.shape[2] // 2
        written = functional.conv2d(read, plain.kernel, plain.bias, padding=padding)
        torch.testing.assert_close(written, wanted, rtol=1e-4, atol=1e-4)


@each_op
def test_join_undoes_split(op: Linear) -> None:
    part = random_part(op)
    again = join(op, split(op, part.kernel, part.bias))
    assert torch.equal(again.kernel, part.kernel)
    assert part.bias is not None
    torch.testing.assert_close(again.bias, part.bias)
    assert join(op, split(op, part.kernel, None)).bias is None


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        (Conv2d(4), True),
        (Conv2d(4, stride=2), False),
        (TransposedConv2d(3, kernel=9, stride=3), True),
        (TransposedConv2d(3, kernel=4, stride=2), False),  # an even number of blocks
        (TransposedConv2d(3, kernel=5, stride=3), False),  # blocks cut in two
        (Relu(), False),
    ],
    ids=str,
)
def test_what_can_be_solved(op: Op, expected: bool) -> None:
    assert is_solvable(op) is expected
