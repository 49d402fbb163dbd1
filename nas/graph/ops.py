"""The vocabulary: frozen ops with their attributes and shape rules.

New attributes get a default that means what the op meant before: a network's digest is made of the
attributes that are not at their default.

Shapes are NHWC without the batch. What is true of an op in every framework is a method here; what
needs a framework, a device or a pen is an `OpTable` in a reader. Values run from 0 to 1.
"""

from dataclasses import MISSING, dataclass, fields
from typing import Any, Literal, get_args

from nas.errors import ShapeError
from nas.graph.forms import FORMS, Form

__all__ = [
    "NORM_EPSILON",
    "OPS",
    "Activation",
    "Add",
    "BatchNorm",
    "Clip",
    "Concat",
    "Conv2d",
    "DepthToSpace",
    "GlobalAveragePool",
    "Input",
    "LeakyRelu",
    "Multiply",
    "NearestConv2d",
    "Op",
    "Prelu",
    "Relu",
    "Repeat",
    "ResizeBicubic",
    "ResizeNearest",
    "Shape",
    "Sigmoid",
    "Slice",
    "SpaceToDepth",
    "Tanh",
    "TransposedConv2d",
    "written_attributes",
]

Activation = Literal["none", "relu"]
NORM_EPSILON = 1e-5  # BatchNorm adds it to the variance; torch's, Keras would take 1e-3


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


class _Written:
    """Ops in messages show what is not at its default."""

    __slots__ = ()

    def __str__(self) -> str:
        return f"{type(self).__name__}({', '.join(written_attributes(self))})"


def written_attributes(op: Any) -> list[str]:
    """Attributes as they are written: by place, or by name where they have a default."""
    found = []
    for field in fields(op):
        value = getattr(op, field.name)
        if field.default is MISSING:
            found.append(f"{value}")
        elif value != field.default:
            found.append(f"{field.name}={str(value).lower()}")
    return found


def _check_positive(op: Any, count: int) -> None:
    if count < 1:
        raise ShapeError(f"{op} needs a positive number")


@dataclass(frozen=True, slots=True)
class Input(_Written):
    """The low-resolution image."""

    channels: int

    def shape_of(self, x: Shape) -> Shape:
        if x.channels != self.channels:
            raise ShapeError(f"{self} got an image of {x.channels} channels")
        return x


@dataclass(frozen=True, slots=True)
class Conv2d(_Written):
    """Convolution with zero padding that keeps the size (over `stride`), then its activation.

    Args:
        features: Output channels.
        kernel: Height and width, odd.
        groups: Channels in and out are divided into so many convolutions side by side.
        activation: Fused into the convolution.
        bias: Whether it adds one number to each output channel.
        stride: Distance of the pixels it computes.
        form: How it is trained; what is deployed is the plain convolution whatever the form.
        expansion: Channels inside the form, over `features`; 1 where the form has no such choice.
        bits: Of weights and inputs when quantised; an INT8 file holds fewer bits in INT8 codes.
    """

    features: int
    kernel: int = 3
    groups: int = 1
    activation: Activation = "none"
    bias: bool = True
    stride: int = 1
    form: Form = "plain"
    expansion: int = 1
    bits: int = 8

    def __post_init__(self) -> None:
        if min(self.features, self.kernel, self.groups, self.stride, self.expansion) < 1:
            raise ShapeError(f"{self} needs positive features, kernel, groups, stride, expansion")
        if self.kernel % 2 == 0:
            raise ShapeError(f"{self} needs an odd kernel, or the image would shift")
        if not 2 <= self.bits <= 8:
            raise ShapeError(f"{self} needs 2 to 8 bits")
        self._check_form()

    def _check_form(self) -> None:
        if self.form not in FORMS:
            raise ShapeError(f"{self} has an unknown form; there are {', '.join(FORMS)}")
        if self.form != "plain" and (self.groups > 1 or self.stride > 1):
            raise ShapeError(f"{self} cannot have a form beside groups or a stride")
        if self.expansion > 1 and not FORMS[self.form].expands:
            raise ShapeError(f"{self} has nothing inside that expands")
        if self.form == "ghost" and self.features % 2:
            raise ShapeError(f"{self} needs even features, half of them ghosts")
        if self.form == "ecb" and self.kernel != 3:
            raise ShapeError(f"{self} needs a kernel of 3, the size of its edge filters")
        links = [link for branch in FORMS[self.form].branches for link in branch]
        if not self.bias and any(link.norm for link in links):
            raise ShapeError(f"{self} needs a bias, which its batch normalisation makes")

    def shape_of(self, x: Shape) -> Shape:
        if x.channels % self.groups or self.features % self.groups:
            raise ShapeError(f"{self} cannot divide {x.channels} channels into its groups")
        return Shape(-(-x.height // self.stride), -(-x.width // self.stride), self.features)


@dataclass(frozen=True, slots=True)
class TransposedConv2d(_Written):
    """Upsampling convolution: each pixel writes a kernel of values, `stride` apart."""

    features: int
    kernel: int
    stride: int

    def __post_init__(self) -> None:
        if min(self.features, self.stride) < 1 or self.kernel < self.stride:
            raise ShapeError(f"{self} needs positive features and a kernel that covers its stride")
        if (self.kernel - self.stride) % 2:
            raise ShapeError(f"{self} needs kernel - stride even, or the image would shift")

    def shape_of(self, x: Shape) -> Shape:
        return Shape(x.height * self.stride, x.width * self.stride, self.features)


@dataclass(frozen=True, slots=True)
class BatchNorm(_Written):
    """Scale and shift per channel by running statistics; folded into a convolution at export."""

    def shape_of(self, x: Shape) -> Shape:
        return x


@dataclass(frozen=True, slots=True)
class NearestConv2d(_Written):
    """A frozen 1x1 convolution that writes `block`^2 copies of its input.

    Before `DepthToSpace` this is nearest-neighbour upsampling. The kernel is block^2 stacked
    identities; it is never trained, since training it costs INT8 quality (XCAT paper).
    """

    block: int

    def __post_init__(self) -> None:
        _check_positive(self, self.block)

    def shape_of(self, x: Shape) -> Shape:
        return Shape(x.height, x.width, x.channels * self.block**2)


@dataclass(frozen=True, slots=True)
class Repeat(_Written):
    """The same values as `NearestConv2d`, made by copying the tensor `times` times."""

    times: int

    def __post_init__(self) -> None:
        _check_positive(self, self.times)

    def shape_of(self, x: Shape) -> Shape:
        return Shape(x.height, x.width, x.channels * self.times)


@dataclass(frozen=True, slots=True)
class Slice(_Written):
    """Channels `begin` up to, not including, `begin + size`."""

    begin: int
    size: int

    def shape_of(self, x: Shape) -> Shape:
        if self.begin < 0 or self.size < 1 or self.begin + self.size > x.channels:
            raise ShapeError(f"{self} lies outside the {x.channels} channels of its input")
        return Shape(x.height, x.width, self.size)


@dataclass(frozen=True, slots=True)
class Concat(_Written):
    """Channels of all inputs, one after the other."""

    def shape_of(self, *xs: Shape) -> Shape:
        if len(xs) < 2 or len({(x.height, x.width) for x in xs}) > 1:
            sizes = ", ".join(map(str, xs))
            raise ShapeError(f"{self} needs two or more inputs of one size, got {sizes}")
        return Shape(xs[0].height, xs[0].width, sum(x.channels for x in xs))


@dataclass(frozen=True, slots=True)
class Add(_Written):
    """Element-wise sum of two tensors of one shape, held in `bits` when quantised."""

    bits: int = 8

    def __post_init__(self) -> None:
        if not 2 <= self.bits <= 8:
            raise ShapeError(f"{self} needs 2 to 8 bits")

    def shape_of(self, *xs: Shape) -> Shape:
        if len(xs) != 2 or xs[0] != xs[1]:
            raise ShapeError(f"{self} needs two equal shapes, got {', '.join(map(str, xs))}")
        return xs[0]


@dataclass(frozen=True, slots=True)
class Multiply(_Written):
    """Element-wise product; one of the two may be a single pixel, which scales the channels."""

    def shape_of(self, *xs: Shape) -> Shape:
        if len(xs) == 2:
            large, small = sorted(xs, key=lambda x: -x.elements)
            if small in (large, Shape(1, 1, large.channels)):
                return large
        raise ShapeError(
            f"{self} needs two equal shapes, or one of 1x1 pixel, got {', '.join(map(str, xs))}"
        )


@dataclass(frozen=True, slots=True)
class Relu(_Written):
    """A rectifier that stands alone, not fused into a convolution."""

    def shape_of(self, x: Shape) -> Shape:
        return x


@dataclass(frozen=True, slots=True)
class LeakyRelu(_Written):
    """Values below zero are multiplied by `slope`."""

    slope: float

    def __post_init__(self) -> None:
        if not 0 < self.slope < 1:
            raise ShapeError(f"{self} needs a slope between 0 and 1")

    def shape_of(self, x: Shape) -> Shape:
        return x


@dataclass(frozen=True, slots=True)
class Prelu(_Written):
    """A leaky rectifier with a trained slope for each channel, or one for all if `shared`."""

    shared: bool = False

    def shape_of(self, x: Shape) -> Shape:
        return x


@dataclass(frozen=True, slots=True)
class Tanh(_Written):
    """Hyperbolic tangent of each value."""

    def shape_of(self, x: Shape) -> Shape:
        return x


@dataclass(frozen=True, slots=True)
class Sigmoid(_Written):
    """Logistic function of each value."""

    def shape_of(self, x: Shape) -> Shape:
        return x


@dataclass(frozen=True, slots=True)
class GlobalAveragePool(_Written):
    """The mean of each channel, as one pixel."""

    def shape_of(self, x: Shape) -> Shape:
        return Shape(1, 1, x.channels)


@dataclass(frozen=True, slots=True)
class Clip(_Written):
    """Limits values to `low`..`high`."""

    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        for name in ("low", "high"):  # 1 and 1.0 are one number and one text
            object.__setattr__(self, name, float(getattr(self, name)))
        if not self.low < self.high:
            raise ShapeError(f"{self} needs low < high")

    def shape_of(self, x: Shape) -> Shape:
        return x


@dataclass(frozen=True, slots=True)
class DepthToSpace(_Written):
    """Moves channels into pixels.

    Channel order is (row, column, colour), as in TensorFlow; torch's PixelShuffle wants
    (colour, row, column), so its reader permutes.
    """

    block: int

    def __post_init__(self) -> None:
        _check_positive(self, self.block)

    def shape_of(self, x: Shape) -> Shape:
        if x.channels % self.block**2:
            raise ShapeError(f"{self} needs a multiple of {self.block**2} channels, got {x}")
        return Shape(x.height * self.block, x.width * self.block, x.channels // self.block**2)


@dataclass(frozen=True, slots=True)
class SpaceToDepth(_Written):
    """Moves pixels into channels: the inverse of `DepthToSpace`, in the same order."""

    block: int

    def __post_init__(self) -> None:
        _check_positive(self, self.block)

    def shape_of(self, x: Shape) -> Shape:
        if x.height % self.block or x.width % self.block:
            raise ShapeError(f"{self} needs a height and width in multiples of it, got {x}")
        return Shape(x.height // self.block, x.width // self.block, x.channels * self.block**2)


@dataclass(frozen=True, slots=True)
class ResizeNearest(_Written):
    """Each pixel becomes `factor` x `factor` equal pixels."""

    factor: int

    def __post_init__(self) -> None:
        _check_positive(self, self.factor)

    def shape_of(self, x: Shape) -> Shape:
        return Shape(x.height * self.factor, x.width * self.factor, x.channels)


@dataclass(frozen=True, slots=True)
class ResizeBicubic(_Written):
    """Cubic convolution (a = -0.5) to `factor` times the size; what lies beyond counts nothing."""

    factor: int

    def __post_init__(self) -> None:
        _check_positive(self, self.factor)

    def shape_of(self, x: Shape) -> Shape:
        return Shape(x.height * self.factor, x.width * self.factor, x.channels)


Op = (
    Input
    | Conv2d
    | TransposedConv2d
    | NearestConv2d
    | BatchNorm
    | Repeat
    | Slice
    | Concat
    | Add
    | Multiply
    | Relu
    | LeakyRelu
    | Prelu
    | Tanh
    | Sigmoid
    | Clip
    | GlobalAveragePool
    | DepthToSpace
    | SpaceToDepth
    | ResizeNearest
    | ResizeBicubic
)
OPS: frozenset[type[Op]] = frozenset(get_args(Op))
