"""Losses against formulas written by hand in numpy."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from nas.data.resample import upscale_bicubic
from nas.train.losses import (
    CONV5_4,
    L1,
    L2,
    Batch,
    Charbonnier,
    Contrastive,
    DctL1,
    Loss,
    Perceptual,
    PsnrLoss,
    S2dL1,
    WeightedSum,
    feature_layers,
)

Images = np.ndarray
LAYERS = (3, 8)


def features(images: Tensor) -> dict[int, Tensor]:
    """Stands in for VGG-19: two layers, both linear so that numpy can say what they are."""
    return {3: 2 * images[:, :2], 8: images[:, :, ::2, ::2] - 1}


def distances(a: Images, b: Images) -> list[np.float64]:
    """Of the stand-in's two layers, for one image (c, h, w)."""
    first = np.mean(np.abs(2 * a[:2] - 2 * b[:2]))
    return [first, np.mean(np.abs(a[:, ::2, ::2] - b[:, ::2, ::2]))]


def l1(sr: Images, hr: Images, lr: Images) -> float:
    return np.mean(np.abs(sr - hr))


def l2(sr: Images, hr: Images, lr: Images) -> float:
    return np.mean((sr - hr) ** 2)


def charbonnier(sr: Images, hr: Images, lr: Images) -> float:
    return np.mean(np.sqrt((sr - hr) ** 2 + 0.1 * 0.1))


def minus_psnr(sr: Images, hr: Images, lr: Images) -> float:
    return -np.mean([10 * np.log10(1 / np.mean((a - b) ** 2)) for a, b in zip(sr, hr, strict=True)])


def dct(patch: Images) -> Images:
    """DCT-II of a square, orthonormal, as sums over its pixels."""
    n = len(patch)
    found = np.zeros((n, n))
    for u, v, y, x in itertools.product(range(n), repeat=4):
        wave = np.cos(math.pi * u * (2 * y + 1) / (2 * n)) * np.cos(
            math.pi * v * (2 * x + 1) / (2 * n)
        )
        found[u, v] += patch[y, x] * wave
    found *= 2 / n
    found[0] /= math.sqrt(2)
    found[:, 0] /= math.sqrt(2)
    return found


def dct_l1(sr: Images, hr: Images, lr: Images) -> float:
    whole = range(0, sr.shape[2] - 3, 4)
    return np.mean(
        [
            np.abs(dct(sr[i, c, y : y + 4, x : x + 4]) - dct(hr[i, c, y : y + 4, x : x + 4]))
            for i, c, y, x in itertools.product(range(len(sr)), range(3), whole, whole)
        ]
    )


def s2d_l1(sr: Images, hr: Images, lr: Images) -> float:
    corners = [(y, x) for y in range(3) for x in range(3)]
    small, wanted = (sum(i[:, :, y::3, x::3] for y, x in corners) / 9 for i in (sr, hr))
    return l1(sr, hr, lr) + np.mean(np.abs(small - wanted))


def perceptual(sr: Images, hr: Images, lr: Images) -> float:
    return np.mean([distances(a, b) for a, b in zip(sr, hr, strict=True)])


def contrastive(sr: Images, hr: Images, lr: Images) -> float:
    """With two negatives: the patch's own enlargement, and that of the next in the batch."""
    blurred = enlarged(lr)
    quotients = []
    for i in range(len(sr)):
        near = np.array(distances(sr[i], hr[i]))
        own = np.array(distances(sr[i], blurred[i]))
        quotients.append(near / (own + distances(sr[i], blurred[(i + 1) % len(sr)])))
    return np.mean(quotients)


def enlarged(lr: Images) -> Images:
    """Cubic convolution with a = -1/2 to three times the size; taps beyond the border left out."""
    small = lr.shape[2]
    matrix = np.zeros((3 * small, small))
    for row, tap in itertools.product(range(3 * small), range(small)):
        d = abs((row + 0.5) / 3 - 0.5 - tap)
        matrix[row, tap] = (1.5 * d**3 - 2.5 * d**2 + 1) * (d <= 1) + (
            -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
        ) * (1 < d < 2)
    matrix /= matrix.sum(axis=1, keepdims=True)
    return np.clip(matrix @ lr @ matrix.T, 0, 1)


FORMULAS: list[tuple[Loss, Callable[[Images, Images, Images], float]]] = [
    (L1(), l1),
    (L2(), l2),
    (Charbonnier(0.1), charbonnier),
    (PsnrLoss(), minus_psnr),
    (DctL1(4), dct_l1),
    (S2dL1(3), s2d_l1),
    (Perceptual(LAYERS), perceptual),
    (Contrastive(2, LAYERS), contrastive),
    (WeightedSum(((1.0, L1()), (0.25, L2()))), lambda *xs: l1(*xs) + 0.25 * l2(*xs)),
]
each_loss = pytest.mark.parametrize(
    "loss", [loss for loss, _ in FORMULAS], ids=lambda loss: type(loss).__name__
)


def batch_of(seed: int, count: int = 3, *, clipped: bool = True) -> Batch:
    rng = np.random.default_rng(seed)
    lr, hr = rng.random((count, 3, 5, 5)), rng.random((count, 3, 15, 15))
    sr = hr + rng.normal(0, 0.2, hr.shape)
    images = (lr, hr, np.clip(sr, 0, 1) if clipped else sr)
    return Batch(*(torch.tensor(image) for image in images), features)


@pytest.mark.parametrize(
    ("loss", "formula"), FORMULAS, ids=[type(loss).__name__ for loss, _ in FORMULAS]
)
@pytest.mark.parametrize("clipped", [True, False])
def test_losses_are_their_formulas(
    loss: Loss, formula: Callable[[Images, Images, Images], float], clipped: bool
) -> None:
    batch = batch_of(1, clipped=clipped)
    expected = formula(batch.sr.numpy(), batch.hr.numpy(), batch.lr.numpy())
    assert float(loss(batch)) == pytest.approx(expected, rel=1e-6)


@each_loss
def test_gradients_are_finite_without_a_difference(loss: Loss) -> None:
    given_ = batch_of(2)
    sr = given_.hr.clone().requires_grad_()
    loss(Batch(given_.lr, given_.hr, sr, features)).backward()
    assert sr.grad is not None
    assert torch.isfinite(sr.grad).all()


@each_loss
def test_black_images_have_finite_losses_and_gradients(loss: Loss) -> None:
    """Then even the negatives of the contrastive loss are at no distance."""
    sr = torch.zeros(2, 3, 15, 15, requires_grad=True)
    value = loss(Batch(torch.zeros(2, 3, 5, 5), torch.zeros(2, 3, 15, 15), sr, features))
    value.backward()
    assert sr.grad is not None
    assert torch.isfinite(value)
    assert torch.isfinite(sr.grad).all()


@each_loss
def test_losses_read_no_value(loss: Loss) -> None:
    """Tensors without values do: nothing waits for the device, so a CUDA graph can hold it."""
    lr, hr = torch.zeros(2, 3, 5, 5, device="meta"), torch.zeros(2, 3, 15, 15, device="meta")
    sr = torch.zeros(2, 3, 15, 15, device="meta", requires_grad=True)
    value = loss(Batch(lr, hr, sr, features))
    value.backward()
    assert (value.shape, value.device.type) == ((), "meta")
    assert sr.grad is not None


@each_loss
def test_a_step_along_the_gradient_makes_the_loss_smaller(loss: Loss) -> None:
    given_ = batch_of(3)
    sr = given_.sr.clone().requires_grad_()
    before = loss(Batch(given_.lr, given_.hr, sr, features))
    before.backward()
    assert sr.grad is not None
    after = loss(Batch(given_.lr, given_.hr, sr.detach() - 1e-3 * sr.grad, features))
    assert after < before


@given(st.integers(0, 1000))
def test_dct_keeps_energy(seed: int) -> None:
    """An orthonormal transform: L1 of it lies between L2 norms of the pixels."""
    batch = batch_of(seed)
    difference = (batch.sr - batch.hr)[:, :, :12, :12].numpy()
    root_mean_square = math.sqrt(np.mean(difference**2))
    assert root_mean_square / 4 <= float(DctL1(4)(batch)) <= root_mean_square


def test_dct_of_a_flat_difference_is_in_one_of_the_frequencies() -> None:
    hr = torch.zeros(1, 3, 16, 16)
    # A block of 8x8 ones is 8 at frequency zero and nothing else: 8 / 64 in the mean.
    assert float(DctL1(8)(Batch(hr, hr, hr + 1))) == pytest.approx(8 / 64, rel=1e-5)


def test_negatives_are_never_more_than_patches() -> None:
    batch = batch_of(5, count=2)
    assert Contrastive(16, LAYERS)(batch) == Contrastive(2, LAYERS)(batch)
    assert Contrastive(1, LAYERS)(batch) != Contrastive(2, LAYERS)(batch)


def test_negatives_are_bicubic_enlargements() -> None:
    small = np.random.default_rng(0).integers(80, 176, (1, 12, 12, 3), dtype=np.uint8)
    usual = upscale_bicubic(small[0], 3).transpose(2, 0, 1)
    found = enlarged(small.transpose(0, 3, 1, 2) / 255)[0] * 255
    inside = np.abs(found - usual)[:, 6:-6, 6:-6]  # at the border MATLAB mirrors
    assert inside.max() < 1.5  # both passes are rounded


def test_sums_need_the_layers_of_their_terms() -> None:
    both = WeightedSum(((1.0, L1()), (0.5, Perceptual((8, 3))), (0.5, Contrastive(4, (1, 8)))))
    assert feature_layers(both) == (1, 3, 8)
    assert feature_layers(Perceptual()) == (CONV5_4,)
    assert feature_layers(L1()) == ()


@pytest.mark.parametrize("loss", [Perceptual(), Contrastive()])
def test_features_that_are_missing_are_an_error(loss: Loss) -> None:
    image = torch.zeros(1, 3, 6, 6)
    message = "^the loss needs VGG-19 features, and the batch has none$"
    with pytest.raises(ValueError, match=message):
        loss(Batch(image, image, image))
