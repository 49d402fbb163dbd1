"""VGG-19 features for perceptual and contrastive losses, with weights that the user gives."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn import functional

from nas.errors import DataError, UsageError

__all__ = ["Vgg19", "read_vgg19"]

_BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))  # width and convolutions; then pooling
_MEAN = (0.485, 0.456, 0.406)  # of ImageNet, on which the weights were trained
_DEVIATION = (0.229, 0.224, 0.225)
_CONVERT = (
    "make the file once, where torchvision is: "
    "safetensors.torch.save_file(torchvision.models.vgg19(weights='DEFAULT').state_dict(), FILE)"
)


@dataclass(frozen=True, slots=True)
class _Layer:
    kind: Literal["conv", "relu", "pool"]
    channels: int
    width: int


def _layers() -> list[_Layer]:
    """`features` of torchvision's VGG-19."""
    found, channels = [], 3
    for width, count in _BLOCKS:
        for _ in range(count):
            found += [_Layer("conv", channels, width), _Layer("relu", width, width)]
            channels = width
        found.append(_Layer("pool", width, width))
    return found


class Vgg19(nn.Module):
    """The first layers of VGG-19, frozen.

    Args:
        layers: Whose outputs are asked for; places in `features` of torchvision's VGG-19, where
            each convolution, ReLU and pooling is one.

    Source:
        Simonyan and Zisserman 2015 (arXiv:1409.1556), configuration E.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, layers: tuple[int, ...]) -> None:
        super().__init__()
        self._asked = frozenset(layers)
        self.features = nn.ModuleDict()  # weights have the names of torchvision
        self._table = _layers()[: max(layers) + 1]
        for place, layer in enumerate(self._table):
            if layer.kind == "conv":
                conv = nn.Conv2d(layer.channels, layer.width, kernel_size=3, padding=1)
                self.features[str(place)] = conv
        self.register_buffer("mean", torch.tensor(_MEAN)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(_DEVIATION)[:, None, None], persistent=False)
        self.requires_grad_(False)

    def forward(self, images: Tensor) -> dict[int, Tensor]:
        """RGB (n, 3, h, w) in 0..1 -> the outputs that are asked for."""
        x = (images - self.mean) / self.deviation
        found = {}
        for place, layer in enumerate(self._table):
            if layer.kind == "conv":
                x = self.features[str(place)](x)
            else:
                x = functional.relu(x) if layer.kind == "relu" else functional.max_pool2d(x, 2)
            if place in self._asked:
                found[place] = x
        return found


def read_vgg19(file: Path | None, layers: tuple[int, ...]) -> Vgg19:
    """VGG-19 with the weights of a file, as deep as `layers` ask for.

    Args:
        file: safetensors with the names of torchvision (`features.0.weight`); others are ignored.
        layers: As `Vgg19` takes them.

    Raises:
        UsageError: No file.
        DataError: The file is missing, of another format, or lacks a weight.
    """
    if file is None:
        message = "the loss of this recipe needs the weights of VGG-19"
        raise UsageError(message, f"give them as --vgg FILE; {_CONVERT}")
    if not file.is_file():
        raise DataError(f"no such file of VGG-19 weights: {file}", _CONVERT)
    vgg = Vgg19(layers)
    try:
        with safe_open(file, framework="pt") as stored:
            for name, weight in vgg.state_dict().items():
                weight.copy_(_weight(stored, name, weight, file))
    except SafetensorError as error:
        raise DataError(
            f"cannot read VGG-19 weights {file}: no safetensors file",
            f"a .pth is a pickle, which may run any code and is not read; {_CONVERT}",
        ) from error
    return vgg


def _weight(stored: Any, name: str, like: Tensor, file: Path) -> Tensor:
    if name not in stored.keys():  # noqa: SIM118, it is no mapping
        raise DataError(f"VGG-19 weights {file} have no {name}", _CONVERT)
    found: Tensor = stored.get_tensor(name)
    if found.shape != like.shape:
        shapes = f"{name} of shape {tuple(found.shape)}, not {tuple(like.shape)}"
        raise DataError(f"VGG-19 weights {file} have {shapes}", _CONVERT)
    return found
