"""The vocabulary: frozen ops with their attributes and shape rules.

Shapes are NHWC without the batch. What is true of an op in every framework is a method here; what
needs a framework, a device or a pen is an `OpTable` in a reader. Values run from 0 to 1.
"""

from dataclasses import dataclass
from typing import Literal, get_args

from nas.errors import ShapeError

__all__ = [
    "OPS",
    "Activation",
    "Add",
    "Clip",
    "Concat",
    "Conv2d",
    "DepthToSpace",
    "Input",
    "NearestConv2d",
    "Op",
    "Relu",
    "Repeat",
    "Shape",
    "Slice",
]

Activation = Literal["none", "relu"]


@dataclass(frozen=True, slots=True)
class Shape:
    """Height, width and channels of one image-like tensor."""

    height: int
    width: int
    channels: int

    @property
    def elements(self) -> int:
        return self.height * self.width * self.channels

    def __str__(self) -> str:
        return f"{self.height}x{self.width}x{self.channels}"


@dataclass(frozen=True, slots=True)
class Input:
    """The low-resolution image."""

    channels: int

    def shape_of(self, x: Shape) -> Shape:
        if x.channels != self.channels:
            raise ShapeError(f"{self} got an image of {x.channels} channels")
        return x


@dataclass(frozen=True, slots=True)
class Conv2d:
    """Stride-1 convolution with zero padding that keeps the size, then its fused activation."""

    features: int
    kernel: int = 3
    groups: int = 1
    activation: Activation = "none"
    bias: bool = True

    def __post_init__(self) -> None:
        if self.features < 1 or self.kernel < 1 or self.groups < 1:
            raise ShapeError(f"{self} needs positive features, kernel and groups")
        if self.kernel % 2 == 0:
            raise ShapeError(f"{self} needs an odd kernel, or the image would shift")

    def shape_of(self, x: Shape) -> Shape:
        if x.channels % self.groups or self.features % self.groups:
            raise ShapeError(f"{self} cannot divide {x.channels} channels into its groups")
        return Shape(x.height, x.width, self.features)


@dataclass(frozen=True, slots=True)
class NearestConv2d:
    """A frozen 1x1 convolution that writes `block`^2 copies of its input.

    Before `DepthToSpace` this is nearest-neighbour upsampling. The kernel is block^2 stacked
    identities; it is never trained, since training it costs INT8 quality (XCAT paper).
    """

    block: int

    def shape_of(self, x: Shape) -> Shape:
        return Shape(x.height, x.width, x.channels * self.block**2)


@dataclass(frozen=True, slots=True)
class Repeat:
    """The same values as `NearestConv2d`, made by copying the tensor `times` times."""

    times: int

    def shape_of(self, x: Shape) -> Shape:
        return Shape(x.height, x.width, x.channels * self.times)


@dataclass(frozen=True, slots=True)
class Slice:
    """Channels `begin` up to, not including, `begin + size`."""

    begin: int
    size: int

    def shape_of(self, x: Shape) -> Shape:
        if self.begin < 0 or self.size < 1 or self.begin + self.size > x.channels:
            raise ShapeError(f"{self} lies outside the {x.channels} channels of its input")
        return Shape(x.height, x.width, self.size)


@dataclass(frozen=True, slots=True)
class Concat:
    """Channels of all inputs, one after the other."""

    def shape_of(self, *xs: Shape) -> Shape:
        if len(xs) < 2 or len({(x.height, x.width) for x in xs}) > 1:
            sizes = ", ".join(map(str, xs))
            raise ShapeError(f"{self} needs two or more inputs of one size, got {sizes}")
        return Shape(xs[0].height, xs[0].width, sum(x.channels for x in xs))


@dataclass(frozen=True, slots=True)
class Add:
    """Element-wise sum of two tensors of one shape."""

    def shape_of(self, *xs: Shape) -> Shape:
        if len(xs) != 2 or xs[0] != xs[1]:
            raise ShapeError(f"{self} needs two equal shapes, got {', '.join(map(str, xs))}")
        return xs[0]


@dataclass(frozen=True, slots=True)
class Relu:
    """A rectifier that stands alone, not fused into a convolution."""

    def shape_of(self, x: Shape) -> Shape:
        return x


@dataclass(frozen=True, slots=True)
class Clip:
    """Limits values to `low`..`high`."""

    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ShapeError(f"{self} needs low < high")

    def shape_of(self, x: Shape) -> Shape:
        return x


@dataclass(frozen=True, slots=True)
class DepthToSpace:
    """Moves channels into pixels.

    Channel order is (row, column, colour), as in TensorFlow; torch's PixelShuffle wants
    (colour, row, column), so its reader permutes.
    """

    block: int

    def shape_of(self, x: Shape) -> Shape:
        if x.channels % self.block**2:
            raise ShapeError(f"{self} needs a multiple of {self.block**2} channels, got {x}")
        return Shape(x.height * self.block, x.width * self.block, x.channels // self.block**2)


Op = Input | Conv2d | NearestConv2d | Repeat | Slice | Concat | Add | Relu | Clip | DepthToSpace
OPS: frozenset[type[Op]] = frozenset(get_args(Op))
