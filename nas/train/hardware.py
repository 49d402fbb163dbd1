"""On what a network trains, and in which numbers."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from nas.errors import UsageError

__all__ = ["Hardware", "Precision", "choose_hardware"]

Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True, slots=True)
class Hardware:
    """A device of torch, and the numbers in which it multiplies.

    Weights, their averages, the optimiser and the loss are float32 in any case.

    Args:
        device: As torch names it: "cpu", "cuda", "cuda:1".
        precision: Of convolutions while training. On a GPU "float32" means TF32, whose products
            have the range of float32 and ten bits of mantissa.
    """

    device: str = "cpu"
    precision: Precision = "float32"

    @property
    def is_cuda(self) -> bool:
        return self.device.startswith("cuda")

    def place(self, module: nn.Module) -> None:
        """Moves a module there; on a GPU its kernels lie as images do, channels last."""
        module.to(self.device)
        if self.is_cuda:
            module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def autocast(self) -> AbstractContextManager[None]:
        """The context of a forward pass."""
        kind = "cuda" if self.is_cuda else "cpu"
        on = self.precision == "bfloat16"
        return torch.autocast(kind, torch.bfloat16, enabled=on, cache_enabled=False)


def choose_hardware(device: str = "auto", precision: str = "float32") -> Hardware:
    """The hardware that a user means; "auto" takes a GPU if there is one.

    bfloat16 is never chosen unasked: on two matrix-multiplying CPU cores 800 steps took 0.7 of the
    time, and cost XLSR 0.03 dB and XCAT 0.01.

    Raises:
        UsageError: The device is not there, or a word is unknown.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device != "cpu" and device.partition(":")[0] != "cuda":
        raise UsageError(f"unknown device {device}", "cpu, cuda, cuda:N or auto")
    if device != "cpu":
        _check_gpu(device)
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.deterministic = True  # or a resumed training would end elsewhere
    if precision not in ("float32", "bfloat16"):
        raise UsageError(f"unknown precision {precision}", "float32 or bfloat16")
    return Hardware(device, "bfloat16" if precision == "bfloat16" else "float32")


def _check_gpu(device: str) -> None:
    count = torch.cuda.device_count()
    index = device.partition(":")[2] or "0"
    if not index.isdecimal() or int(index) >= count:
        raise UsageError(f"there is no device {device}: torch sees {count} GPUs", "take cpu")
