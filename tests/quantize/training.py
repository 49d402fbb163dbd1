"""A few steps of training, as an engine takes them."""

import torch
from torch import Tensor
from torch.nn import functional

from nas.quantize.fqsr import FqsrNetwork
from nas.quantize.qat import QatNetwork
from nas.readers.to_torch import image_tensor
from tests.networks import smooth_images

__all__ = ["pair", "train"]


def pair(scale: int, *, count: int = 2, height: int = 16, width: int = 20) -> tuple[Tensor, Tensor]:
    """Low-resolution patches, and their enlargement by a cubic filter as what is wanted."""
    lr = image_tensor(smooth_images(count, height, width))
    return lr, functional.interpolate(lr, scale_factor=scale, mode="bicubic").clamp(0, 1)


def train(
    network: QatNetwork | FqsrNetwork, lr: Tensor, hr: Tensor, *, steps: range, rate: float = 1e-3
) -> list[float]:
    """Steps of Adam on one batch; gives the loss of each, without the penalty."""
    network.train()
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    losses = []
    for step in steps:
        network.begin_step(step)
        loss = (network(lr) - hr).abs().mean()
        penalty = network.penalty()
        optimizer.zero_grad(set_to_none=True)
        (loss if penalty is None else loss + penalty).backward()
        optimizer.step()
        network.after_step()
        losses.append(loss.item())
    network.eval()
    return losses
