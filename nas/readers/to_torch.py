"""A graph as a torch module (NCHW inside, batch first)."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.graph import (
    Add,
    BatchNorm,
    Clip,
    Concat,
    Conv2d,
    DepthToSpace,
    GlobalAveragePool,
    Graph,
    Input,
    LeakyRelu,
    Multiply,
    NearestConv2d,
    Op,
    Prelu,
    Relu,
    Repeat,
    ResizeBicubic,
    ResizeNearest,
    Sigmoid,
    Slice,
    SpaceToDepth,
    Tanh,
    TransposedConv2d,
)
from nas.graph.ops import NORM_EPSILON
from nas.readers.table import OpTable
from nas.readers.weights import (
    STATISTICS,
    Array,
    Weights,
    kernel_from_torch,
    kernel_to_torch,
    weight_nodes,
)

__all__ = [
    "GraphModule",
    "Parts",
    "forward_of",
    "image_tensor",
    "in_uint8",
    "space_to_depth",
    "to_torch",
]


_NOTHING = torch.empty(0)


class Parts(NamedTuple):
    """What a node holds, in torch's layout; what its op does not have stays at its default."""

    kernel: Tensor = _NOTHING
    bias: Tensor | None = None
    slope: Tensor = _NOTHING
    gamma: Tensor | None = None
    beta: Tensor | None = None
    mean: Tensor | None = None
    variance: Tensor | None = None
    training: bool = False


forward_of = OpTable[Tensor]("to_torch")
"""(op, parts, *inputs) -> output, each tensor NCHW."""


@forward_of.on(Input)
def input_forward(op: Input, parts: Parts, x: Tensor) -> Tensor:
    return x


@forward_of.on(Conv2d)
def conv_forward(op: Conv2d, parts: Parts, x: Tensor) -> Tensor:
    kernel, bias = parts.kernel, parts.bias
    if op.stride > 1:  # TensorFlow's "same": what is missing is padded at the end first
        x = functional.pad(x, _same_padding(x, op))
        y = functional.conv2d(x, kernel, bias, stride=op.stride, groups=op.groups)
    else:
        y = functional.conv2d(x, kernel, bias, padding=op.kernel // 2, groups=op.groups)
    return functional.relu(y) if op.activation == "relu" else y


def _same_padding(x: Tensor, op: Conv2d) -> list[int]:
    padding: list[int] = []
    for size in (x.shape[3], x.shape[2]):  # functional.pad begins with the last axis
        total = max((-(-size // op.stride) - 1) * op.stride + op.kernel - size, 0)
        padding += [total // 2, total - total // 2]
    return padding


@forward_of.on(TransposedConv2d)
def transposed_conv_forward(op: TransposedConv2d, parts: Parts, x: Tensor) -> Tensor:
    padding = (op.kernel - op.stride) // 2
    return functional.conv_transpose2d(x, parts.kernel, parts.bias, op.stride, padding)


@forward_of.on(BatchNorm)
def batch_norm_forward(op: BatchNorm, parts: Parts, x: Tensor) -> Tensor:
    return functional.batch_norm(
        x,
        parts.mean,
        parts.variance,
        parts.gamma,
        parts.beta,
        training=parts.training,
        eps=NORM_EPSILON,
    )


@forward_of.on(NearestConv2d)
def nearest_forward(op: NearestConv2d, parts: Parts, x: Tensor) -> Tensor:
    return x.repeat(1, op.block**2, 1, 1)  # what the frozen kernel computes


@forward_of.on(Repeat)
def repeat_forward(op: Repeat, parts: Parts, x: Tensor) -> Tensor:
    return x.repeat(1, op.times, 1, 1)


@forward_of.on(Slice)
def slice_forward(op: Slice, parts: Parts, x: Tensor) -> Tensor:
    return x[:, op.begin : op.begin + op.size]


@forward_of.on(Concat)
def concat_forward(op: Concat, parts: Parts, *xs: Tensor) -> Tensor:
    return torch.cat(xs, dim=1)


@forward_of.on(Add)
def add_forward(op: Add, parts: Parts, a: Tensor, b: Tensor) -> Tensor:
    return a + b


@forward_of.on(Relu)
def relu_forward(op: Relu, parts: Parts, x: Tensor) -> Tensor:
    return functional.relu(x)


@forward_of.on(Multiply)
def multiply_forward(op: Multiply, parts: Parts, a: Tensor, b: Tensor) -> Tensor:
    return a * b


@forward_of.on(LeakyRelu)
def leaky_relu_forward(op: LeakyRelu, parts: Parts, x: Tensor) -> Tensor:
    return functional.leaky_relu(x, op.slope)


@forward_of.on(Prelu)
def prelu_forward(op: Prelu, parts: Parts, x: Tensor) -> Tensor:
    return functional.prelu(x, parts.slope)


@forward_of.on(Tanh)
def tanh_forward(op: Tanh, parts: Parts, x: Tensor) -> Tensor:
    return x.tanh()


@forward_of.on(Sigmoid)
def sigmoid_forward(op: Sigmoid, parts: Parts, x: Tensor) -> Tensor:
    return x.sigmoid()


@forward_of.on(GlobalAveragePool)
def pool_forward(op: GlobalAveragePool, parts: Parts, x: Tensor) -> Tensor:
    return x.mean(dim=(2, 3), keepdim=True)


@forward_of.on(SpaceToDepth)
def space_to_depth_forward(op: SpaceToDepth, parts: Parts, x: Tensor) -> Tensor:
    return space_to_depth(x, op.block)


def space_to_depth(image: Tensor, block: int) -> Tensor:
    """(n, c, h*block, w*block) -> (n, block^2*c, h, w) in TensorFlow's channel order."""
    n, c, h, w = image.shape
    shaped = image.reshape(n, c, h // block, block, w // block, block)
    return shaped.permute(0, 3, 5, 1, 2, 4).reshape(n, c * block**2, h // block, w // block)


@forward_of.on(ResizeNearest)
def resize_nearest_forward(op: ResizeNearest, parts: Parts, x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=op.factor, mode="nearest")


@forward_of.on(ResizeBicubic)
def resize_bicubic_forward(op: ResizeBicubic, parts: Parts, x: Tensor) -> Tensor:
    return _along_height(_along_height(x, op.factor).mT, op.factor).mT


def _along_height(x: Tensor, factor: int) -> Tensor:
    """Cubic convolution of rows as TensorFlow does it (torch's own takes a = -0.75).

    Taps beyond the border count nothing, the others are scaled to a sum of one; the phase is
    rounded to TensorFlow's table of 1024 entries.
    """
    h = x.shape[2]
    centre = (torch.arange(h * factor, device=x.device) + 0.5) / factor - 0.5
    first = centre.floor()
    phase = ((centre - first) * 1024).round() / 1024
    taps = torch.arange(-1, 3, device=x.device)[:, None]
    rows = first + taps
    distance = (phase - taps).abs()
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    weights = torch.where(distance <= 1, near, far) * ((rows >= 0) & (rows < h))
    weights = weights / weights.sum(dim=0)
    picked = x[:, :, rows.clamp(0, h - 1).long()]  # (n, c, taps, rows, w)
    return (picked * weights[..., None]).sum(dim=2)


@forward_of.on(Clip)
def clip_forward(op: Clip, parts: Parts, x: Tensor) -> Tensor:
    return x.clamp(op.low, op.high)


@forward_of.on(DepthToSpace)
def depth_to_space_forward(op: DepthToSpace, parts: Parts, x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    blocks = op.block**2
    colour_first = x.reshape(n, blocks, c // blocks, h, w).transpose(1, 2).reshape(n, c, h, w)
    return functional.pixel_shuffle(colour_first, op.block)


class GraphModule(nn.Module):
    """Runs a graph; parameters are named by part and node position.

    Train-time forms are not seen here: a convolution is the one that is deployed.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph
        self.kernels = nn.ParameterDict()
        self.biases = nn.ParameterDict()
        self.others = nn.ModuleDict()  # by part: slopes and batch normalisation
        for position, _, shapes in weight_nodes(graph):
            for part, shape in shapes.items():
                size = (
                    kernel_to_torch(np.empty(shape, np.float32)).shape
                    if part == "kernel"
                    else shape
                )
                zeros = nn.Parameter(torch.zeros(size), requires_grad=part not in STATISTICS)
                self._table(part)[str(position)] = zeros

    def _table(self, part: str) -> nn.ParameterDict:
        if part == "kernel":
            return self.kernels
        if part == "bias":
            return self.biases
        if part not in self.others:
            self.others[part] = nn.ParameterDict()
        return cast(nn.ParameterDict, self.others[part])

    def named_parts(self) -> Iterator[tuple[str, str, nn.Parameter]]:
        """Node position, part and parameter, of everything that this module holds."""
        for part in ("kernel", "bias", *self.others):
            for name, parameter in self._table(part).items():
                yield name, part, parameter

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) -> (n, c, scale h, scale w), range 0..1."""
        return self.run(x, range(len(self.graph.nodes)))[-1]

    def run(self, x: Tensor, positions: Sequence[int]) -> list[Tensor]:
        """Outputs of the nodes at `positions`, which must hold all that they read."""
        found: dict[int, Tensor] = {}
        for position in positions:
            node = self.graph.nodes[position]
            found[position] = self.apply_node(position, *([found[i] for i in node.inputs] or [x]))
        return [found[position] for position in positions]

    def apply_node(self, position: int, *xs: Tensor) -> Tensor:
        """The output of one node, given what it reads."""
        return self.apply_op(self.graph.nodes[position].op, position, *xs)

    def apply_op(self, op: Op, position: int, *xs: Tensor) -> Tensor:
        """The output of `op` with what the node at `position` holds."""
        return forward_of(op, self.parts_of(position), *xs)

    def parts_of(self, position: int) -> Parts:
        """What the node at `position` holds."""
        name = str(position)
        tables = {part: self._table(part) for part in ("kernel", "bias", *self.others)}
        held = {part: table[name] for part, table in tables.items() if name in table}
        return Parts(training=self.training, **held)

    @torch.no_grad()
    def load_weights(self, weights: Weights) -> None:
        """Copies `weights` in; every parameter must be there with its shape."""
        for name, part, parameter in self.named_parts():
            array = weights[f"{name}/{part}"]
            parameter.copy_(torch.from_numpy(kernel_to_torch(array) if part == "kernel" else array))

    def weights(self) -> dict[str, Array]:
        """A copy of all parameters in the common layout."""
        found = {}
        for name, part, parameter in self.named_parts():
            array = parameter.detach().numpy()
            found[f"{name}/{part}"] = kernel_from_torch(array) if part == "kernel" else array.copy()
        return found


def to_torch(graph: Graph, weights: Weights | None = None) -> GraphModule:
    """The module of a graph, ready to run, with `weights` if given, else with zeros."""
    module = GraphModule(graph)
    if weights is not None:
        module.load_weights(weights)
    return module.eval()


def image_tensor(images: npt.NDArray[np.uint8]) -> Tensor:
    """uint8 (n, h, w, c) -> float (n, c, h, w) in 0..1, channels last in memory."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float().div_(255)


def in_uint8(images: Tensor) -> npt.NDArray[np.uint8]:
    """Float (n, c, h, w) in 0..1 -> uint8 (n, h, w, c), rounded."""
    codes = (images.clamp(0, 1) * 255).round().to(torch.uint8)
    return np.asarray(codes.permute(0, 2, 3, 1).contiguous())
