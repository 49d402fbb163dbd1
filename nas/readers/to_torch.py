"""A graph as a torch module (NCHW inside, batch first)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.graph import (
    Add,
    Clip,
    Concat,
    Conv2d,
    DepthToSpace,
    Graph,
    Input,
    NearestConv2d,
    Relu,
    Repeat,
    Slice,
)
from nas.readers.table import OpTable
from nas.readers.weights import (
    Array,
    Weights,
    conv_nodes,
    kernel_from_torch,
    kernel_to_torch,
)

__all__ = ["GraphModule", "forward_of", "to_torch"]

forward_of = OpTable[Tensor]("to_torch")
"""(op, kernel or None, bias or None, *inputs) -> output, each tensor NCHW."""

Maybe = Tensor | None


@forward_of.on(Input)
def input_forward(op: Input, kernel: Maybe, bias: Maybe, x: Tensor) -> Tensor:
    return x


@forward_of.on(Conv2d)
def conv_forward(op: Conv2d, kernel: Tensor, bias: Maybe, x: Tensor) -> Tensor:
    y = functional.conv2d(x, kernel, bias, padding=op.kernel // 2, groups=op.groups)
    return functional.relu(y) if op.activation == "relu" else y


@forward_of.on(NearestConv2d)
def nearest_forward(op: NearestConv2d, kernel: Maybe, bias: Maybe, x: Tensor) -> Tensor:
    return x.repeat(1, op.block**2, 1, 1)  # what the frozen kernel computes


@forward_of.on(Repeat)
def repeat_forward(op: Repeat, kernel: Maybe, bias: Maybe, x: Tensor) -> Tensor:
    return x.repeat(1, op.times, 1, 1)


@forward_of.on(Slice)
def slice_forward(op: Slice, kernel: Maybe, bias: Maybe, x: Tensor) -> Tensor:
    return x[:, op.begin : op.begin + op.size]


@forward_of.on(Concat)
def concat_forward(op: Concat, kernel: Maybe, bias: Maybe, *xs: Tensor) -> Tensor:
    return torch.cat(xs, dim=1)


@forward_of.on(Add)
def add_forward(op: Add, kernel: Maybe, bias: Maybe, a: Tensor, b: Tensor) -> Tensor:
    return a + b


@forward_of.on(Relu)
def relu_forward(op: Relu, kernel: Maybe, bias: Maybe, x: Tensor) -> Tensor:
    return functional.relu(x)


@forward_of.on(Clip)
def clip_forward(op: Clip, kernel: Maybe, bias: Maybe, x: Tensor) -> Tensor:
    return x.clamp(op.low, op.high)


@forward_of.on(DepthToSpace)
def depth_to_space_forward(op: DepthToSpace, kernel: Maybe, bias: Maybe, x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    blocks = op.block**2
    colour_first = x.reshape(n, blocks, c // blocks, h, w).transpose(1, 2).reshape(n, c, h, w)
    return functional.pixel_shuffle(colour_first, op.block)


class GraphModule(nn.Module):
    """Runs a graph; parameters are named by node position."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph
        self.kernels = nn.ParameterDict()
        self.biases = nn.ParameterDict()
        for position, op, channels in conv_nodes(graph):
            size = (op.features, channels // op.groups, op.kernel, op.kernel)
            self.kernels[str(position)] = nn.Parameter(torch.zeros(size))
            if op.bias:
                self.biases[str(position)] = nn.Parameter(torch.zeros(op.features))

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
        name = str(position)
        kernel = self.kernels.get(name)
        bias = self.biases.get(name)
        return forward_of(self.graph.nodes[position].op, kernel, bias, *xs)

    def load_weights(self, weights: Weights) -> None:
        """Copies `weights` in; every parameter must be there with its shape."""
        with torch.no_grad():
            for name, kernel in self.kernels.items():
                kernel.copy_(torch.from_numpy(kernel_to_torch(weights[f"{name}/kernel"])))
            for name, bias in self.biases.items():
                bias.copy_(torch.from_numpy(weights[f"{name}/bias"]))

    def weights(self) -> dict[str, Array]:
        """A copy of all parameters in the common layout."""
        found = {
            f"{name}/kernel": kernel_from_torch(kernel.detach().numpy())
            for name, kernel in self.kernels.items()
        }
        for name, bias in self.biases.items():
            found[f"{name}/bias"] = bias.detach().numpy().copy()
        return found


def to_torch(graph: Graph, weights: Weights | None = None) -> GraphModule:
    """The module of a graph, with `weights` if given, else with zeros."""
    module = GraphModule(graph)
    if weights is not None:
        module.load_weights(weights)
    return module
