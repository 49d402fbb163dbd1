"""VGG-19 from a file: what it computes, and what is wrong with a file."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from nas.errors import DataError, UsageError
from nas.train.losses import CONV5_4, Batch, Perceptual
from nas.train.perceptual import Vgg19, read_vgg19

MADE = (
    "make the file once, where torchvision is: "
    "safetensors.torch.save_file(torchvision.models.vgg19(weights='DEFAULT').state_dict(), FILE)"
)
SHAPES = {0: (64, 3), 2: (64, 64), 5: (128, 64)}  # of the convolutions up to the first of block 2


def weights(seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    found = {"classifier.0.bias": torch.zeros(4)}
    for place, (width, channels) in SHAPES.items():
        kernel = torch.randn(width, channels, 3, 3, generator=generator) / (9 * channels) ** 0.5
        found[f"features.{place}.weight"] = kernel
        found[f"features.{place}.bias"] = torch.randn(width, generator=generator)
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    save_file(weights(), tmp_path / "vgg19.safetensors")
    return tmp_path / "vgg19.safetensors"


def test_features_are_those_of_the_layers_one_after_the_other(file: Path) -> None:
    images = torch.rand(2, 3, 8, 8)
    found = read_vgg19(file, (0, 3, 5))(images)
    stored = weights()
    mean = torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1)
    x = (images - mean) / torch.tensor([0.229, 0.224, 0.225]).reshape(1, 3, 1, 1)
    first = functional.conv2d(x, stored["features.0.weight"], stored["features.0.bias"], padding=1)
    second = functional.conv2d(
        first.clamp(min=0), stored["features.2.weight"], stored["features.2.bias"], padding=1
    ).clamp(min=0)
    pooled = second.reshape(2, 64, 4, 2, 4, 2).amax(dim=(3, 5))
    third = functional.conv2d(
        pooled, stored["features.5.weight"], stored["features.5.bias"], padding=1
    )
    assert list(found) == [0, 3, 5]
    for layer, expected in ((0, first), (3, second), (5, third)):
        torch.testing.assert_close(found[layer], expected)


def test_it_is_frozen_and_gradients_reach_the_image(file: Path) -> None:
    vgg = read_vgg19(file, (2,))
    assert not any(parameter.requires_grad for parameter in vgg.parameters())
    hr, sr = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8, requires_grad=True)
    Perceptual((2,))(Batch(hr, hr, sr, vgg)).backward()
    assert sr.grad is not None
    assert sr.grad.abs().sum() > 0


def test_convolutions_are_where_torchvision_has_them() -> None:
    """Configuration E, 16 convolutions; their places are known from code that names conv5_4 34."""
    with torch.device("meta"):
        names = Vgg19((CONV5_4,)).state_dict()
    widths = {int(n.split(".")[1]): len(w) for n, w in names.items() if n.endswith("weight")}
    places = [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34]
    assert widths == dict(zip(places, [64] * 2 + [128] * 2 + [256] * 4 + [512] * 8, strict=True))


def test_no_file_is_an_error() -> None:
    with pytest.raises(UsageError) as caught:
        read_vgg19(None, (2,))
    assert caught.value.message == "the loss of this recipe needs the weights of VGG-19"
    assert caught.value.hint == f"give them as --vgg FILE; {MADE}"


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_vgg19(tmp_path / "no", (2,))
    assert caught.value.message == f"no such file of VGG-19 weights: {tmp_path / 'no'}"
    assert caught.value.hint == MADE


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" + b"x" * 99, b"\x80\x02" + b"x" * 99])
def test_a_pickle_is_an_error_that_says_why(tmp_path: Path, content: bytes) -> None:
    pickle = tmp_path / "vgg19-dcbb9e9d.pth"
    pickle.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_vgg19(pickle, (2,))
    assert caught.value.message == f"cannot read VGG-19 weights {pickle}: no safetensors file"
    assert caught.value.hint == (
        f"a .pth is a pickle, which may run any code and is not read; {MADE}"
    )


def test_a_layer_that_is_missing_is_an_error(file: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_vgg19(file, (2, 7))
    assert caught.value.message == f"VGG-19 weights {file} have no features.7.weight"


def test_a_shape_that_is_wrong_is_an_error(file: Path) -> None:
    changed = weights()
    changed["features.2.bias"] = torch.zeros(65)
    save_file(changed, file)
    with pytest.raises(DataError) as caught:
        read_vgg19(file, (2,))
    assert caught.value.message == (
        f"VGG-19 weights {file} have features.2.bias of shape (65,), not (64,)"
    )


def test_half_precision_is_read(file: Path) -> None:
    save_file({name: weight.half() for name, weight in weights().items()}, file)
    kernel = read_vgg19(file, (0,)).state_dict()["features.0.weight"]
    assert kernel.dtype == torch.float32
    np.testing.assert_allclose(kernel, weights()["features.0.weight"], rtol=1e-3, atol=1e-6)
