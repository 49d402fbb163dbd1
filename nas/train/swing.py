"""Whether a training swings out: its loss rises far above where it already was.

A network whose features and readout grow together answers each step with a larger one, and ends
decibels below the same network with another start.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from nas.train.hardware import Hardware

__all__ = ["SWUNG", "Swing"]

# Of 44 trainings the 31 healthy ones rise to 1.13 at most, the 13 that swing out to 1.28 at least.
# Hard patches do not count: the loss of a batch is 9 % off its mean on painted images and 24 % on
# photographs, as a share of what plain enlarging is off by 2 and 4 %.
SWUNG = 1.2
_KEEP = 0.9  # of the level in a step
_FLAT = 0.01  # mean error of plain enlarging, of 1; there is nothing to learn from such patches


class Swing:
    """Follows the loss as a share of the error of plain enlarging, on the device of the training.

    Args:
        hardware: Where the losses are.
    """

    def __init__(self, hardware: Hardware) -> None:
        self._keep = torch.zeros((), device=hardware.device)
        self._held = {
            "level": torch.ones((), device=hardware.device),
            "least": torch.full((), torch.inf, device=hardware.device),
            "rise": torch.ones((), device=hardware.device),
        }

    @property
    def rise(self) -> float:
        """The largest ratio of the level to the least one before it."""
        return float(self._held["rise"])

    def begin_step(self, done: int) -> None:
        """Before the loss of step `done`, from 0, which alone is the first level."""
        self._keep.fill_(min(_KEEP, done / (done + 1)))

    @torch.no_grad()
    def follow(self, loss: Tensor, lr: Tensor, hr: Tensor) -> None:
        """Takes in the loss on patches (n, c, h, w) in 0..1."""
        plain = functional.interpolate(lr, hr.shape[-2:], mode="nearest")
        error = (plain - hr).abs().mean()
        level, least, rise = self._held.values()
        share = torch.where(error > _FLAT, loss / error, level)
        level.lerp_(share, 1 - self._keep)
        torch.minimum(least, level, out=least)
        torch.maximum(rise, level / least, out=rise)

    def state(self) -> dict[str, Tensor]:
        """All that `restore` needs, by name; not copied."""
        return dict(self._held)

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Copies a state in, wherever its tensors are."""
        for name, x in self._held.items():
            x.copy_(state[name])
