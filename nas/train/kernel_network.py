"""A kernel that a network makes of the training images (Noahtcv)."""

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.init import kaiming_normal_

from nas.train.links import Collapsed

__all__ = ["KernelNetwork"]

_WIDTH = 32  # of each block; the paper names no widths
_CONVS = 3
_LINEARS = 9
_MOMENTUM = 0.1  # of the running mean, as in batch normalisation


class KernelNetwork(nn.Module):
    """A convolution by a constant kernel plus what the network makes of the batch.

    Three convolutions of stride 2, a global mean and nine linear layers, ReLU between them; the
    mean over the batch is used. While training a running mean is kept, which is the kernel outside
    training and after the collapse.

    Args:
        channels: It reads.
        width: Channels it writes.
        size: Height and width of the kernel.
        bias: Whether it has one, an ordinary parameter.

    Source:
        Noahtcv in Ignatov et al. 2022 (arXiv:2211.05910), section 4.25.
    """

    base: Tensor
    running: Tensor

    def __init__(self, channels: int, width: int, size: int, *, bias: bool) -> None:
        super().__init__()
        self.register_buffer("base", torch.zeros(width, channels, size, size))
        self.register_buffer("running", torch.zeros(width, channels, size, size))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None
        blocks: list[nn.Module] = []
        for place in range(_CONVS):
            reads = _WIDTH if place else channels
            blocks += [nn.Conv2d(reads, _WIDTH, 3, stride=2, padding=1), nn.ReLU()]
        blocks += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        for _ in range(_LINEARS - 1):
            blocks += [nn.Linear(_WIDTH, _WIDTH), nn.ReLU()]
        self.network = nn.Sequential(*blocks, nn.Linear(_WIDTH, self.base.numel()))

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) -> (n, width, h, w)."""
        offset = self.running
        if self.training:
            offset = self.network(x).mean(dim=0).reshape(self.base.shape)
            self.running.lerp_(offset.detach().to(self.running.dtype), _MOMENTUM)  # maybe bfloat16
        padding = self.base.shape[-1] // 2
        return functional.conv2d(x, self.base + offset, self.bias, padding=padding)

    def collapse(self) -> Collapsed:
        """The constant kernel (width, c, k, k) and the bias (width,)."""
        bias = self.base.new_zeros(len(self.base)) if self.bias is None else self.bias
        return self.base + self.running, bias

    def draw(self, generator: torch.Generator, *, gain: float) -> None:
        """A random network whose last layer is zero; nothing here is left for `gain` to scale."""
        for parameter in self.network.parameters():
            if parameter.ndim > 1:
                kaiming_normal_(parameter, generator=generator)
            else:
                parameter.zero_()
        for tensor in (*self.network[-1].parameters(), self.base, self.running):
            tensor.zero_()

    def fit(self, kernel: Tensor, bias: Tensor) -> None:
        """Starts from `kernel` (width, c, k, k) and `bias` (width,)."""
        self.base.copy_(kernel)
        if self.bias is not None:
            self.bias.copy_(bias)

    def settle(self, x: Tensor) -> None:
        """Nothing to do: it has no statistics of its input."""
