"""A graph as a module to train: convolutions in their train-time form."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.graph import Conv2d, Graph, Op, Relu
from nas.readers.to_torch import GraphModule, Parts, forward_of, to_torch
from nas.readers.weights import Array, Weights, conv_nodes, kernel_to_torch
from nas.train.forms import FormConv

__all__ = ["Trainable"]


class Trainable(GraphModule):
    """Runs a graph whose convolutions train in their form.

    Weights come and go as those of the plain convolutions that are deployed.

    Args:
        graph: The network.
        seed: Of the random part of forms.
        online: Whether forms are collapsed in each step and run as one convolution, as in SESR,
            where that is what their branches compute; otherwise the branches are run.
        activation: What is run in place of each ReLU while training; "silu" is smooth (GenMedia).
    """

    warmup_steps = 0

    def __init__(
        self,
        graph: Graph,
        *,
        seed: int = 0,
        online: bool = True,
        activation: Literal["relu", "silu"] = "relu",
    ) -> None:
        super().__init__(graph)
        self.online = online
        self._smooth = activation == "silu"
        self.forms = nn.ModuleDict()
        self._deployed_parts = [f"{name}/{part}" for name, part, _ in self.named_parts()]
        for position, op, channels in conv_nodes(graph):
            if op.form != "plain":
                name = str(position)
                self.forms[name] = FormConv(op, channels, seed=seed + position)
                del self.kernels[name]
                if op.bias:
                    del self.biases[name]

    def apply_node(self, position: int, *xs: Tensor) -> Tensor:
        """The output of one node, given what it reads."""
        op = self.graph.nodes[position].op
        if self._smooth and isinstance(op, Relu):
            return functional.silu(xs[0])
        if self._smooth and isinstance(op, Conv2d) and op.activation == "relu":
            return functional.silu(self.apply_op(replace(op, activation="none"), position, *xs))
        return self.apply_op(op, position, *xs)

    def apply_op(self, op: Op, position: int, *xs: Tensor) -> Tensor:
        """The output of `op` with what the node at `position` holds."""
        form = self._form(position)
        if form is None or not isinstance(op, Conv2d):
            return super().apply_op(op, position, *xs)
        if self.online and (form.steady or not self.training):
            return forward_of(op, Parts(*form.collapse()), *xs)
        y = form.forward(*xs)
        return functional.relu(y) if op.activation == "relu" else y

    def parameters_of(self, position: int) -> list[nn.Parameter]:
        """Those of one node."""
        found = [parameter for name, _, parameter in self.named_parts() if name == str(position)]
        for name, form in self._forms():
            if name == str(position):
                found.extend(form.parameters())
        return found

    def amplification(self, position: int) -> float:
        """How much further than a plain one the kernel of a node moves in a step of training.

        With parameters that all move one unit towards the same change of the kernel: the mean
        change, to first order, times the root of the expansion for the products of two changes.
        A learning rate chosen for plain convolutions throws a wide form about (SCSRN's blocks of
        256 channels: 29.5 dB after 300 steps, 31.0 dB with the rate divided by this).
        """
        form = self._form(position)
        if form is None:
            return 1.0
        kernel, _ = form.collapse()
        if not kernel.requires_grad:  # made by a network from images
            return 1.0
        generator = torch.Generator().manual_seed(position)
        towards = torch.randint(0, 2, kernel.shape, generator=generator) * 2.0 - 1.0
        parameters = [p for p in form.parameters() if p.requires_grad]
        moved = torch.autograd.grad((kernel * towards).sum(), parameters, allow_unused=True)
        first_order = sum(float(m.abs().sum()) for m in moved if m is not None) / kernel.numel()
        return max(1.0, first_order) * math.sqrt(form.op.expansion)

    def deployed(self) -> list[Tensor]:
        """What `to_torch(graph).parameters()` would be, in its order: forms are collapsed."""
        found: dict[str, Tensor | None] = {}
        for name, part, parameter in self.named_parts():
            found[f"{name}/{part}"] = parameter
        for name, form in self._forms():
            found[f"{name}/kernel"], found[f"{name}/bias"] = form.collapse()
        return [cast(Tensor, found[key]) for key in self._deployed_parts]

    @torch.no_grad()
    def plain(self) -> GraphModule:
        """The deployed network as it is now."""
        module = to_torch(self.graph)
        for parameter, tensor in zip(module.parameters(), self.deployed(), strict=True):
            parameter.copy_(tensor)
        return module

    def weights(self) -> dict[str, Array]:
        """A copy of the deployed weights in the common layout."""
        return self.plain().weights()

    def load_weights(self, weights: Weights) -> None:
        """Copies `weights` in; forms start from them, see `FormConv.start_from`."""
        super().load_weights(weights)
        for name, form in self._forms():
            kernel = torch.from_numpy(kernel_to_torch(weights[f"{name}/kernel"]))
            bias = torch.from_numpy(weights[f"{name}/bias"]) if form.op.bias else None
            form.start_from(kernel, bias)

    @torch.no_grad()
    def settle(self, x: Tensor) -> None:
        """Gives batch normalisations inside forms the statistics of an input (n, c, h, w)."""
        if all(form.steady for _, form in self._forms()):
            return
        outputs = self.plain().run(x, range(len(self.graph.nodes)))
        for name, form in self._forms():
            form.settle(outputs[self.graph.nodes[int(name)].inputs[0]])

    def begin_step(self, step: int) -> None:
        """Nothing to prepare."""

    def after_step(self) -> None:
        """Nothing to put right."""

    def penalty(self) -> Tensor | None:
        """Nothing is added to the loss."""
        return None

    def _form(self, position: int) -> FormConv | None:
        name = str(position)
        return cast(FormConv, self.forms[name]) if name in self.forms else None

    def _forms(self) -> Iterator[tuple[str, FormConv]]:
        return cast(Iterator[tuple[str, FormConv]], iter(self.forms.items()))
