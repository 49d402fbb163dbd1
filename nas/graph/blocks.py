"""Parts from which published networks and spaces are put together: anchor, trunk, join, tail.

Each function takes the builder and handles of nodes and returns the handle of what it appended.
"""

from dataclasses import replace
from typing import Literal

from nas.graph.forms import Form
from nas.graph.graph import GraphBuilder
from nas.graph.ops import (
    Add,
    Clip,
    Concat,
    Conv2d,
    DepthToSpace,
    NearestConv2d,
    Op,
    Relu,
    Repeat,
    Slice,
)

__all__ = [
    "Anchor",
    "ClipPlace",
    "Limit",
    "Mix",
    "anchor",
    "hx_block",
    "output",
    "relu_convs",
    "residual",
    "tail",
]

Anchor = Literal["nearest_conv", "copies", "conv"]
Mix = Literal["cross", "straight", "conv"]
ClipPlace = Literal["before", "after"]
Limit = Literal["before", "after", "relu", "conv", "none"]


def anchor(g: GraphBuilder, kind: Anchor, *, scale: int, channels: int = 3, kernel: int = 3) -> int:
    """`scale`^2 values a pixel and channel made from the input image, to be joined to the trunk."""
    if kind == "nearest_conv":
        return g.append(NearestConv2d(scale), g.input)
    if kind == "copies":
        return g.append(Repeat(scale**2), g.input)
    return g.append(Conv2d(channels * scale**2, kernel=kernel), g.input)


def relu_convs(
    width: int, times: int = 1, *, form: Form = "plain", expansion: int = 1
) -> tuple[Conv2d, ...]:
    """`times` equal 3x3 convolutions with ReLU, to be chained."""
    return (Conv2d(width, activation="relu", form=form, expansion=expansion),) * times


def residual(g: GraphBuilder, x: int, *ops: Op, bits: int = 8) -> int:
    """The sum, held in `bits`, of x and of what the chain `ops` makes of x."""
    return g.append(Add(bits=bits), g.chain(x, *ops), x)


def hx_block(
    g: GraphBuilder, x: int, *, split: tuple[int, int], kernels: tuple[int, int], mix: Mix
) -> int:
    """The heterogeneous group convolution of the XCAT paper (section 3).

    The first `split[0]` channels go through one convolution, the other `split[1]` through another;
    "cross" puts the second result first, which is what mixes channels from block to block.
    With `split[1] == 0` it is one convolution of all channels.
    """
    first, second = split
    if second == 0:
        return g.append(Conv2d(first, kernel=kernels[0], activation="relu"), x)
    p = g.chain(x, Slice(0, first), Conv2d(first, kernel=kernels[0], activation="relu"))
    q = g.chain(x, Slice(first, second), Conv2d(second, kernel=kernels[1], activation="relu"))
    if mix == "cross":
        return g.append(Concat(), q, p)
    joined = g.append(Concat(), p, q)
    return joined if mix == "straight" else g.append(Conv2d(first + second, kernel=1), joined)


def tail(g: GraphBuilder, x: int, *, scale: int, clip: ClipPlace, add: int | None = None) -> int:
    """Adds the anchor `add`, clips to 0..1 and turns channels into pixels."""
    if add is not None:
        x = g.append(Add(), add, x)
    shuffle = DepthToSpace(scale)
    return g.chain(x, Clip(), shuffle) if clip == "before" else g.chain(x, shuffle, Clip())


def output(
    g: GraphBuilder, x: int, conv: Conv2d, *, scale: int, limit: Limit, add: int | None = None
) -> int:
    """The last convolution `conv`, the anchor `add`, what limits the values, depth-to-space.

    "relu" limits from below only and leaves the upper end to the uint8 output; "conv" holds the
    distance from the upper end behind one ReLU, and a 1x1 convolution with another turns it round.
    """
    rectified = limit in ("relu", "conv")
    x = g.append(replace(conv, activation="relu") if rectified and add is None else conv, x)
    if add is not None:
        x = g.append(Add(), add, x)
        if rectified:
            x = g.append(Relu(), x)
    if limit == "conv":
        x = g.append(Conv2d(conv.features, kernel=1, activation="relu"), x)
    if limit == "before" or limit == "after":
        return tail(g, x, scale=scale, clip=limit)
    return g.append(DepthToSpace(scale), x)
