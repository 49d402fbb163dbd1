"""Linear links of train-time forms: what each computes and the convolution that it amounts to."""

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.init import kaiming_normal_, orthogonal_

from nas.graph.forms import Filter, Link
from nas.graph.ops import NORM_EPSILON

__all__ = ["Collapsed", "LinkConv", "Norm", "centred", "compose", "identity"]

Collapsed = tuple[Tensor, Tensor]
"""Kernel (f, c, k, k) and bias (f,) of one convolution."""

# Rows of the fixed filters as in ECBSR's code (Zhang et al., ACM MM 2021).
_MASKS: dict[Filter, tuple[tuple[float, ...], ...]] = {
    "sobel_x": ((1.0, 0.0, -1.0), (2.0, 0.0, -2.0), (1.0, 0.0, -1.0)),
    "sobel_y": ((1.0, 2.0, 1.0), (0.0, 0.0, 0.0), (-1.0, -2.0, -1.0)),
    "laplacian": ((0.0, 1.0, 0.0), (1.0, -4.0, 1.0), (0.0, 1.0, 0.0)),
}


def centred(kernel: Tensor, size: int) -> Tensor:
    """(f, c, k, k) -> (f, c, size, size), with zeros around it."""
    return functional.pad(kernel, [(size - kernel.shape[-1]) // 2] * 4)


def identity(channels: int, size: int, like: Tensor) -> Tensor:
    """The kernel (c, c, size, size) that changes nothing, of the type of `like`."""
    one = torch.eye(channels, dtype=like.dtype, device=like.device)
    return centred(one[:, :, None, None], size)


def compose(first: Collapsed, second: Collapsed) -> Collapsed:
    """Two convolutions one after the other as one; at least one of them must be 1x1."""
    size = max(first[0].shape[-1], second[0].shape[-1])
    kernel = torch.einsum("fmij,mcuv->fciujv", second[0], first[0])
    bias = second[0].sum(dim=(2, 3)) @ first[1] + second[1]
    return kernel.reshape(len(second[0]), first[0].shape[1], size, size), bias


class Norm(nn.Module):
    """Batch normalisation that can say which scale and shift it is outside training."""

    mean: Tensor
    variance: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Of the batch while training, of the running statistics otherwise."""
        statistics = (self.mean, self.variance, self.gamma, self.beta)
        return functional.batch_norm(x, *statistics, training=self.training, eps=NORM_EPSILON)

    def gain(self) -> Tensor:
        """What each channel is multiplied by, (c,)."""
        return self.gamma / (self.variance + NORM_EPSILON).sqrt()

    def shift(self) -> Tensor:
        """What is added then, (c,)."""
        return self.beta - self.mean * self.gain()

    def draw(self, gain: float) -> None:
        """Statistics of an identity, and `gain`."""
        self.gamma.fill_(gain)
        self.beta.zero_()
        self.mean.zero_()
        self.variance.fill_(1)

    def settle(self, x: Tensor) -> None:
        """Takes the statistics of `x` without a change of gain and shift."""
        gain, shift = self.gain(), self.shift()
        variance, mean = torch.var_mean(x, dim=(0, 2, 3))
        self.mean.copy_(mean)
        self.variance.copy_(variance)
        self.gamma.copy_(gain * (variance + NORM_EPSILON).sqrt())
        self.beta.copy_(shift + mean * gain)


class LinkConv(nn.Module):
    """A convolution, then its normalisation, then its own input added, as its `Link` says.

    Args:
        link: What it is.
        channels: It reads.
        width: Channels it writes.
        size: Height and width of the kernel of the form.
        bias: Whether it may have one; a normalisation has its own, an average needs none.
    """

    mask: Tensor

    def __init__(self, link: Link, channels: int, width: int, size: int, *, bias: bool) -> None:
        super().__init__()
        self.link = link
        self.size = link.kernel or size
        self.trained = link.filter in ("trained", "ghost")
        made = width - channels if link.filter == "ghost" else width
        if self.trained:
            self.kernel = nn.Parameter(torch.zeros(made, channels, self.size, self.size))
        elif link.filter == "average":
            self.register_buffer("mask", torch.full((width, 1, size, size), size**-2.0))
        else:
            self.scale = nn.Parameter(torch.ones(width))
            self.register_buffer("mask", torch.tensor(_MASKS[link.filter]))
        self.norm = Norm(width) if link.norm else None
        biased = bias and not link.norm and link.filter != "average"
        self.bias = nn.Parameter(torch.zeros(made)) if biased else None

    def forward(self, x: Tensor, edge: Tensor | None = None) -> Tensor:
        """(n, c, h, w) -> (n, width, h, w).

        Args:
            x: What it reads.
            edge: What `x` is beyond its border, (c,); zero if None.
        """
        y = self._convolve(x, edge)
        y = y if self.norm is None else self.norm.forward(y)
        return y + x if self.link.residual else y

    def settle(self, x: Tensor, edge: Tensor | None = None) -> Tensor:
        """`forward` after its normalisation has taken the statistics of what it reads."""
        if self.norm is not None:
            self.norm.settle(self._convolve(x, edge))
        return self.forward(x, edge)

    def beyond(self, edge: Tensor | None) -> Tensor | None:
        """What a 1x1 link writes where it reads `edge`."""
        if edge is None and self.bias is None and self.norm is None:
            return None
        kernel, bias = self.collapse()
        return bias if edge is None else kernel.sum(dim=(2, 3)) @ edge + bias

    def collapse(self) -> Collapsed:
        """Kernel (width, c, k, k) and bias (width,), normalised by the running statistics."""
        kernel = self._taps()
        bias = kernel.new_zeros(len(kernel)) if self.bias is None else self.bias
        inputs = kernel.shape[1] if self.trained else len(kernel)
        one = identity(inputs, 1, kernel)
        if not self.trained:
            kernel = kernel * one
        if self.link.filter == "ghost":
            kernel, bias = torch.cat([one, kernel]), torch.cat([bias.new_zeros(inputs), bias])
        if self.norm is not None:
            gain = self.norm.gain()
            kernel, bias = kernel * gain[:, None, None, None], bias * gain + self.norm.shift()
        return kernel + centred(one, self.size) if self.link.residual else kernel, bias

    def draw(self, generator: torch.Generator, *, gain: float, orthogonal: bool) -> None:
        """Random weights and zero biases; `gain` scales what it writes; ghosts begin at zero."""
        if self.link.filter == "ghost":
            self.kernel.zero_()
        elif self.trained:
            (orthogonal_ if orthogonal else kaiming_normal_)(self.kernel, generator=generator)
        elif self.link.filter != "average":  # so scaled, it keeps the variance of white noise
            self.scale.normal_(generator=generator).div_(self.mask.norm())
        if self.bias is not None:
            self.bias.zero_()
        if self.norm is not None:
            self.norm.draw(gain)
        else:
            (self.kernel if self.trained else self.scale).mul_(gain)

    def add(self, kernel: Tensor, bias: Tensor) -> None:
        """Adds to what `collapse` gives; the bias only where there is one."""
        if self.norm is not None:
            kernel = kernel / self.norm.gain()[:, None, None, None]
            self.norm.beta.add_(bias)
        elif self.bias is not None:
            self.bias.add_(bias)
        self.kernel.add_(kernel)

    def _taps(self) -> Tensor:
        """(width, c, k, k), or (width, 1, k, k) where each channel has its own filter."""
        if self.trained:
            return self.kernel
        if self.link.filter == "average":
            return self.mask
        return self.scale[:, None, None, None] * self.mask

    def _convolve(self, x: Tensor, edge: Tensor | None) -> Tensor:
        taps, padding = self._taps(), self.size // 2
        inner = x
        if edge is not None and padding:
            edge = edge[:, None, None]
            inner, padding = functional.pad(x - edge, [padding] * 4) + edge, 0
        groups = 1 if self.trained else len(taps)
        y = functional.conv2d(inner, taps, self.bias, padding=padding, groups=groups)
        return torch.cat([x, y], dim=1) if self.link.filter == "ghost" else y
