"""Convolutions in their train-time form: run branch by branch, or collapsed to one convolution.

Source:
    Bhardwaj et al. 2022 (SESR, arXiv:2103.09404): collapse of chains, and training by it. Zhang et
    al. 2021 (ECBSR, ACM MM) and Ding et al. 2021 (DBB, arXiv:2103.13425): padding inside a chain.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import cast

import torch
from torch import Tensor, nn
from torch.linalg import eigh, pinv

from nas.graph import Conv2d
from nas.graph.forms import FORMS, Branch
from nas.train.kernel_network import KernelNetwork
from nas.train.links import Collapsed, LinkConv, centred, compose, identity

__all__ = ["Chain", "FormConv"]

_REST_GAIN = 0.3  # of the random branches that the first one makes up for


class FormConv(nn.Module):
    """A convolution that trains as the branches of `Conv2d.form`; the activation is not in it.

    Outside, the image is padded with zeros.

    Args:
        op: The convolution.
        channels: It reads.
        seed: Of the random part of the start. The form starts from a kernel of zeros.
    """

    def __init__(self, op: Conv2d, channels: int, *, seed: int = 0) -> None:
        super().__init__()
        self.op = op
        self.channels = channels
        self.seed = seed
        self.identity = FORMS[op.form].identity and channels == op.features
        self.branches = nn.ModuleList(
            Chain(branch, op, channels) for branch in FORMS[op.form].branches
        )
        if op.form == "kernel_network":
            self.branches.append(KernelNetwork(channels, op.features, op.kernel, bias=op.bias))
        size = (op.features, channels, op.kernel, op.kernel)
        self.start_from(torch.zeros(size), torch.zeros(op.features) if op.bias else None)

    @property
    def steady(self) -> bool:
        """Whether the branches compute in training what `collapse` gives.

        Not where they depend on the batch: with batch normalisation and with a kernel network.
        """
        links = [link for branch in FORMS[self.op.form].branches for link in branch]
        return bool(links) and not any(link.norm for link in links)

    def forward(self, x: Tensor) -> Tensor:
        """The sum of the branches: (n, c, h, w) -> (n, features, h, w)."""
        found = [branch.forward(x) for branch in self._branches]
        return reduce(torch.add, [*found, x] if self.identity else found)

    def collapse(self) -> tuple[Tensor, Tensor | None]:
        """The plain convolution: kernel (f, c, k, k) and bias (f,), None where `op` has none.

        Gradients reach the parameters of all branches. Batch normalisation and the kernel network
        count as they are outside training.
        """
        found = [branch.collapse() for branch in self._branches]
        kernel = reduce(torch.add, [centred(kernel, self.op.kernel) for kernel, _ in found])
        bias = reduce(torch.add, [bias for _, bias in found])
        if self.identity:
            kernel = kernel + identity(self.channels, self.op.kernel, kernel)
        return kernel, bias if self.op.bias else None

    @torch.no_grad()
    def start_from(self, kernel: Tensor, bias: Tensor | None) -> None:
        """Draws the branches anew, then corrects the first so that all collapse to a plain one.

        Where the inside is narrower than what it reads (ghost; a leading 1x1 of fewer channels)
        there may be no exact start; then it is the nearest in least squares, except that the first
        half of a ghost is exact. Whatever such a form collapsed to once, it can start from exactly.

        Args:
            kernel: (f, c, k, k).
            bias: (f,), or None where `op` has none.
        """
        generator = torch.Generator().manual_seed(self.seed)
        for place, branch in enumerate(self._branches):
            branch.draw(generator, gain=_REST_GAIN if place else 1.0)
        first = self._branches[0]
        all_kernel, all_bias = self.collapse()
        own_kernel, own_bias = (part.double() for part in first.collapse())
        if bias is not None and all_bias is not None:
            own_bias = own_bias + (bias - all_bias)
        first.fit(own_kernel + (kernel - all_kernel), own_bias)

    @torch.no_grad()
    def settle(self, x: Tensor) -> None:
        """Gives batch normalisations the statistics of their inputs; the function stays.

        With it, training begins from the function that the form has outside training.
        """
        for branch in self._branches:
            branch.settle(x)

    @property
    def _branches(self) -> "Sequence[Chain | KernelNetwork]":
        return cast("Sequence[Chain | KernelNetwork]", self.branches)


class Chain(nn.Module):
    """A branch: links one after the other.

    Inside, the border is padded with what the inner tensor is where the image is zero, so that the
    collapse is exact there too. Padded with zeros, the outermost ring of (k - 1) / 2 pixels would
    differ (collapsible, rrrb, ecb, dbb). While a batch normalisation trains, this value comes from
    its running statistics, as in the code of DBB.
    """

    def __init__(self, branch: Branch, op: Conv2d, channels: int) -> None:
        super().__init__()
        self.links = nn.ModuleList()
        widths = {
            "input": channels,
            "inside": op.features * op.expansion,
            "half": op.features // 2,
            "output": op.features,
        }
        for link in branch:
            width = widths[link.width]
            self.links.append(LinkConv(link, channels, width, op.kernel, bias=op.bias))
            channels = width

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) -> (n, f, h, w)."""
        return self._run(x, LinkConv.forward)

    def settle(self, x: Tensor) -> None:
        """Gives batch normalisations the statistics of their inputs."""
        self._run(x, LinkConv.settle)

    def collapse(self) -> Collapsed:
        """Kernel (f, c, k, k), or of 1x1 where nothing is larger, and bias (f,)."""
        return reduce(compose, [link.collapse() for link in self._links])

    def draw(self, generator: torch.Generator, *, gain: float) -> None:
        """Random weights whose 1x1 links can be inverted; `gain` scales the result."""
        for link in self._links:
            orthogonal = link.size == 1 and len(self.links) > 1
            last = link is self._links[-1]
            link.draw(generator, gain=gain if last else 1.0, orthogonal=orthogonal)

    def fit(self, kernel: Tensor, bias: Tensor) -> None:
        """Corrects a drawn branch so that it collapses to `kernel` (f, c, k, k), `bias` (f,)."""
        core = next(i for i, link in enumerate(self._links) if link.link.kernel == 0)  # the kxk
        before, after = self._links[:core], self._links[core + 1 :]
        for link in before:
            _aim(link, kernel)
        found, shift = self.collapse()
        missing, shift = kernel - found, bias - shift
        for link in after:
            inverse = pinv(_matrix(link))
            missing, shift = torch.einsum("mf,fcij->mcij", inverse, missing), inverse @ shift
        for link in before:
            missing = torch.einsum("fcij,cm->fmij", missing, pinv(_matrix(link)))
        self._links[core].add(missing, shift)
        for link in after:
            if link.link.filter == "ghost":
                _fit_ghosts(link, kernel, bias)

    def _run(self, x: Tensor, step: Callable[[LinkConv, Tensor, Tensor | None], Tensor]) -> Tensor:
        edge: Tensor | None = None
        for link in self._links:
            x = step(link, x, edge)
            edge = link.beyond(edge) if link.size == 1 else None  # no padding after the kxk
        return x

    @property
    def _links(self) -> Sequence[LinkConv]:
        return cast(Sequence[LinkConv], self.links)


def _matrix(link: LinkConv) -> Tensor:
    """(f, c) of a 1x1 link."""
    return link.collapse()[0].double().sum(dim=(2, 3))


def _aim(link: LinkConv, kernel: Tensor) -> None:
    """Lets a leading 1x1 of too few channels keep the directions in which `kernel` is largest."""
    width, channels = link.kernel.shape[:2]
    if width < channels:
        rows = kernel.transpose(0, 1).flatten(1)  # (c, f k k)
        link.kernel.copy_(eigh(rows @ rows.T).eigenvectors[:, -width:].T[:, :, None, None])


def _fit_ghosts(link: LinkConv, kernel: Tensor, bias: Tensor) -> None:
    """Makes the second half of `kernel` of the first, as well as a 1x1 can."""
    first, second = kernel.flatten(1).chunk(2)
    mix = second @ pinv(first)
    half = len(first)
    link.add(mix[:, :, None, None], bias[half:] - mix @ bias[:half])
