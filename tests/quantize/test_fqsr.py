"""Fully quantised networks: what is rounded, how intervals come about, what trains."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from nas.graph import (
    Add,
    BatchNorm,
    Clip,
    Conv2d,
    DepthToSpace,
    Graph,
    GraphBuilder,
    Op,
    Prelu,
    TransposedConv2d,
)
from nas.graph.blocks import residual
from nas.graph.rewrites import fold_batch_norm
from nas.quantize.fake import interval_quantize
from nas.quantize.fqsr import FqsrNetwork, place_quantizers
from nas.quantize.intervals import Quantizer
from nas.quantize.settings import RANGE_SPEED, WARMUP_STEPS, Fqsr
from nas.readers.to_torch import to_torch
from nas.readers.weights import Weights, kernel_from_torch
from nas.zoo import zoo_entry
from tests.networks import sensible_weights
from tests.quantize.training import pair, train

FLOAT = Fqsr(32, 32, 32)
RELU = Conv2d(8, activation="relu")


def chain(*ops: Op) -> Graph:
    g = GraphBuilder(channels=3)
    return g.graph(g.chain(g.input, *ops))


def small_resnet(width: int = 16) -> Graph:
    """SRResNet x2 with one block."""
    g = GraphBuilder(channels=3)
    slope, normed = Prelu(shared=True), (Conv2d(width, bias=False), BatchNorm())
    head = g.chain(g.input, Conv2d(width, kernel=5, bias=False), slope)
    x = residual(g, head, *normed, slope, *normed)
    x = g.append(Add(), g.chain(x, *normed), head)
    up = (Conv2d(4 * width, bias=False), DepthToSpace(2), slope)
    return g.graph(g.chain(x, *up, Conv2d(3, kernel=5, bias=False)))


def network(graph: Graph, settings: Fqsr, weights: Weights | None = None) -> FqsrNetwork:
    found = FqsrNetwork(graph, settings)
    found.load_weights(sensible_weights(graph) if weights is None else weights)
    return found


def places(graph: Graph, settings: Fqsr) -> dict[str, list[int]]:
    """Positions by what is rounded there."""
    found: dict[str, list[int]] = {"weights": [], "features": [], "output": [], "sum": []}
    for name in place_quantizers(graph, settings):
        position, what = name.split("/")
        found[what].append(int(position))
    return found


def positions(graph: Graph, kind: type[Op]) -> list[int]:
    return [i for i, node in enumerate(graph.nodes) if isinstance(node.op, kind)]


def test_srresnet_rounds_what_the_code_rounds() -> None:
    graph = zoo_entry("FQSR-SRResNet-x2").build()
    convs = positions(graph, Conv2d)
    assert len(convs) == 36
    assert (
        places(graph, Fqsr(4, 4, 8))
        == {
            "weights": convs,
            "features": convs[1:],  # not the image
            "output": convs[:-1],
            "sum": [],  # all of normalised values
        }
    )


def test_edsr_rounds_what_the_code_rounds() -> None:
    graph = zoo_entry("FQSR-EDSR-x2").build()
    convs, sums = positions(graph, Conv2d), positions(graph, Add)
    assert (len(convs), len(sums)) == (2 * 16 + 4, 17)
    assert places(graph, Fqsr(4, 4, 8)) == {
        "weights": convs,
        "features": convs[1:],
        "output": convs[:-1],
        "sum": sums[:-1],
    }
    signed = {k: q.signed for k, q in place_quantizers(graph, Fqsr(4, 4, 8)).items()}
    behind_relu = [convs[2 * block + 2] for block in range(16)]
    unsigned = {f"{position}/features" for position in behind_relu}
    assert {name for name, yes in signed.items() if not yes} == unsigned


def test_the_paper_rounds_everything() -> None:
    graph = zoo_entry("FQSR-SRResNet-x2").build()
    convs, sums = positions(graph, Conv2d), positions(graph, Add)
    assert places(graph, Fqsr(4, 4, 8, scope="paper")) == {
        "weights": convs,
        "features": convs,
        "output": convs,
        "sum": sums,
    }
    found = place_quantizers(graph, Fqsr(4, 4, 8, scope="paper"))
    assert found["1/features"] == Quantizer(4, signed=False)  # the image


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        (FLOAT, []),
        (Fqsr(4, 32, 32), ["weights"]),
        (Fqsr(32, 4, 32), ["features"]),
        (Fqsr(32, 32, 8), ["output"]),
    ],
)
def test_32_bits_round_nothing(settings: Fqsr, kept: list[str]) -> None:
    assert [what for what, found in places(small_resnet(), settings).items() if found] == kept


def test_ops_of_fewer_bits_have_those() -> None:
    g = GraphBuilder(channels=3)
    x = g.append(RELU, g.input)
    x = g.append(Add(bits=3), x, g.append(Conv2d(8, bits=5), x))
    graph = g.graph(g.chain(x, Conv2d(8, bits=2), Conv2d(3)))
    found = place_quantizers(graph, Fqsr(4, 6, 8, scope="paper"))
    bits = {name: quantizer.bits for name, quantizer in found.items()}
    three = ("weights", "features", "output")
    assert bits == {"3/sum": 3} | {
        f"{position}/{what}": count
        for position, counts in {1: (4, 6, 8), 2: (4, 5, 8), 4: (2, 2, 8), 5: (4, 6, 8)}.items()
        for what, count in zip(three, counts, strict=True)
    }


def test_without_quantisers_it_is_the_float_network() -> None:
    graph = small_resnet()
    found, lr = network(graph, FLOAT).eval(), pair(2)[0]
    torch.testing.assert_close(found(lr), to_torch(graph, found.weights())(lr))
    assert found.penalty() is None


@pytest.mark.parametrize("grid", ["code", "paper"])
def test_two_convolutions_written_out(grid: str) -> None:
    graph = chain(RELU, Conv2d(3))
    lr = pair(2)[0]
    found = network(graph, Fqsr(4, 3, 5, grid=grid)).eval()
    found.calibrate(lr)
    held = {f"{name}/{part}": p.detach() for name, part, p in found.named_parts()}

    def rounded(v: Tensor, bits: int, *, signed: bool) -> Tensor:
        return interval_quantize(v, v.abs().max(), bits=bits, signed=signed, grid=grid)

    float_y = functional.conv2d(lr, held["1/kernel"], held["1/bias"], padding=1)
    kernel = rounded(held["1/kernel"], 4, signed=True)
    y = functional.conv2d(lr, kernel, held["1/bias"], padding=1)
    y = interval_quantize(y, float_y.abs().max(), bits=5, signed=True, grid=grid).relu()
    y = interval_quantize(y, float_y.relu().max(), bits=3, signed=False, grid=grid)
    expected = functional.conv2d(
        y, rounded(held["2/kernel"], 4, signed=True), held["2/bias"], padding=1
    )
    torch.testing.assert_close(found(lr), expected)


def test_zeros_around_the_image_are_rounded_too() -> None:
    """The code's signed grid has no zero, so they become a positive or negative level."""
    graph = chain(Conv2d(4, bias=False), Conv2d(3, bias=False))
    lr = torch.zeros(1, 3, 6, 6)
    found = network(graph, Fqsr(32, 4, 32))
    found.calibrate(torch.ones_like(lr))
    y = found.eval()(lr)
    inner = y[..., 2:-2, 2:-2]
    assert (inner != 0).all()
    torch.testing.assert_close(y[..., :1, :1], inner[..., :1, :1])  # a border like the inside
    zero = network(graph, Fqsr(32, 4, 32, grid="paper"))
    zero.calibrate(torch.ones_like(lr))
    assert (zero.eval()(lr) == 0).all()


def test_intervals_start_from_the_mean_of_maxima_over_20_steps_without_rounding() -> None:
    graph = chain(Conv2d(4, bias=False), Conv2d(3, bias=False))
    found, lr = network(graph, Fqsr(4, 4, 4)).train(), pair(2)[0]
    exact = to_torch(graph, found.weights())
    scales = np.linspace(0.1, 1, WARMUP_STEPS)
    for step, scale in enumerate(scales):
        found.begin_step(step)
        torch.testing.assert_close(found(lr * float(scale)), exact(lr * float(scale)))
        assert found.penalty() is None
    peak = exact.run(lr, range(2))[1].abs().max().item()
    start = dict(zip(found.intervals.quantizers, found.intervals.start.tolist(), strict=True))
    assert start["2/features"] == pytest.approx(peak * scales.mean(), rel=1e-5)
    assert start["1/weights"] == pytest.approx(exact.kernels["1"].abs().max().item())
    found.begin_step(WARMUP_STEPS)
    assert not torch.allclose(found(lr), exact(lr))
    kept = found.intervals.start.clone()
    found(lr * 5)
    assert torch.equal(found.intervals.start, kept)  # trained from here on, not followed


def test_without_daia_intervals_follow_the_maxima_and_nothing_is_bypassed() -> None:
    graph = chain(Conv2d(4, bias=False), Conv2d(3, bias=False))
    found, lr = network(graph, Fqsr(4, 4, 32, daia=False)).train(), pair(2)[0]
    assert found.warmup_steps == 0
    assert [name for name, _ in found.intervals.named_parameters()] == []
    place = list(found.intervals.quantizers).index("2/features")
    peaks = []
    for step, scale in enumerate((1.0, 0.5, 2.0)):
        found.begin_step(step)
        _, read, y = found.run(lr * scale, range(3))
        peaks.append(read.abs().max().item())
        assert not torch.allclose(y, functional.conv2d(read, found.kernels["2"], padding=1))
        assert found.intervals.start[place].item() == pytest.approx(np.mean(peaks))


def test_sums_share_an_interval() -> None:
    g = GraphBuilder(channels=3)
    x = g.append(Conv2d(4), g.input)
    early = g.append(Add(), x, g.append(Conv2d(4, kernel=1), x))
    graph = g.graph(g.append(Add(), early, g.append(Conv2d(4, kernel=1), early)))
    found, lr = network(graph, Fqsr(32, 32, 4)).eval(), pair(2)[0]
    found.calibrate(lr)
    exact = to_torch(graph, found.weights()).run(lr, range(3))
    place = list(found.intervals.quantizers).index("3/sum")
    peak = max(y.abs().max().item() for y in exact[1:])
    assert found.intervals.start[place].item() == pytest.approx(peak)


def test_calibration_loss_is_the_mean_distance_and_reaches_both_sides() -> None:
    graph = chain(Conv2d(4, bias=False), Conv2d(3, bias=False))
    found, lr = network(graph, Fqsr(32, 4, 32)).train(), pair(2)[0]
    found.calibrate(lr)
    found.intervals.factors.data.fill_(0.5 / RANGE_SPEED)
    found.begin_step(WARMUP_STEPS)
    found(lr)
    x = functional.pad(functional.conv2d(lr, found.kernels["1"], padding=1), [1] * 4)
    interval = (found.intervals.start * 0.5).requires_grad_()
    y = interval_quantize(x, interval, bits=4, signed=True)
    expected = 0.3 / 255 * (y - x).abs().mean()
    penalty = found.penalty()
    torch.testing.assert_close(penalty, expected)
    penalty.backward()
    wanted = torch.autograd.grad(expected, [found.kernels["1"], interval])
    torch.testing.assert_close(found.kernels["1"].grad, wanted[0])
    assert wanted[0].abs().max() > 0  # what is limited is drawn towards the interval
    per_factor = wanted[1] * found.intervals.start * RANGE_SPEED
    torch.testing.assert_close(found.intervals.factors.grad, per_factor)
    assert wanted[1].abs().max() > 0  # and the interval towards what is limited


def test_norms_train_as_they_are() -> None:
    trained = network(small_resnet(), Fqsr(8, 8, 8))
    before = trained.weights()
    train(trained, *pair(2), steps=range(WARMUP_STEPS + 3))
    after = trained.weights()
    assert all((after[name] != before[name]).any() for name in before)
    plain = to_torch(trained.graph, after).parameters()
    assert all(torch.equal(a, b) for a, b in zip(trained.deployed(), plain, strict=True))


def test_folding_the_norms_keeps_the_function_of_rounded_weights() -> None:
    """Codes stay as they are; each channel has a scale of its own."""
    graph = small_resnet()
    trained = network(graph, Fqsr(4, 32, 32))
    train(trained, *pair(2), steps=range(WARMUP_STEPS + 3))
    weights = trained.weights()
    for name in trained.kernels:
        kernel = trained.parts_of(int(name)).kernel.detach().numpy()
        weights[f"{name}/kernel"] = kernel_from_torch(kernel)
    folded, folded_weights = fold_batch_norm(graph, weights)
    assert not positions(folded, BatchNorm)
    lr = pair(2)[0]
    torch.testing.assert_close(
        network(folded, FLOAT, folded_weights).eval()(lr), trained(lr), rtol=1e-4, atol=1e-5
    )


def psnr_db(image: Tensor, other: Tensor) -> float:
    error = (image.clamp(0, 1) - other).square().mean().item()
    return -10 * np.log10(error)


def test_eight_bits_come_near_float_in_a_short_training() -> None:
    graph, (lr, hr) = small_resnet(8), pair(2)
    start = network(graph, FLOAT)
    train(start, lr, hr, steps=range(200))
    found = {}
    for settings in (FLOAT, Fqsr(8, 8, 8), Fqsr(2, 2, 2)):
        trained = network(graph, settings, start.weights())
        train(trained, lr, hr, steps=range(WARMUP_STEPS + 60), rate=3e-4)
        with torch.no_grad():
            found[settings.weights] = psnr_db(trained(lr), hr)
    assert found[8] > found[32] - 0.15
    assert found[2] < found[32] - 3  # or the test would not see bits at all


def test_dorefa_has_its_levels_and_trains_no_interval() -> None:
    graph = chain(RELU, Conv2d(8), Conv2d(3))
    trained = network(graph, Fqsr(2, 2, 32, dorefa=True))
    losses = train(trained, *pair(1), steps=range(30))
    assert losses[-1] < losses[0]
    assert trained.warmup_steps == 0
    assert trained.penalty() is None
    kernel = trained.parts_of(2).kernel.detach()
    peak = trained.kernels["2"].abs().max().item()
    levels = torch.tensor([-1, -1 / 3, 1 / 3, 1]) * peak
    torch.testing.assert_close(kernel.unique(), levels)


@pytest.mark.parametrize("daia", [True, False])
@pytest.mark.parametrize("until", [12, 24])
def test_state_goes_on_as_if_nothing_had_been(daia: bool, until: int) -> None:
    """With a fresh optimiser on both sides."""
    settings, data = Fqsr(4, 4, 8, daia=daia), pair(2)
    graph = small_resnet(8)
    one, other = network(graph, settings), FqsrNetwork(graph, settings)
    train(one, *data, steps=range(until))
    other.load_state_dict(one.state_dict())
    losses = [train(net, *data, steps=range(until, 30)) for net in (one, other)]
    assert losses[0] == losses[1]


def test_other_convolutions_are_rounded_too() -> None:
    graph = chain(Conv2d(8, stride=2), TransposedConv2d(3, 4, 2), Clip())
    found, lr = network(graph, Fqsr(3, 3, 32)).eval(), pair(1)[0]
    found.calibrate(lr)
    y = found(lr)
    assert y.isfinite().all()
    assert places(graph, Fqsr(3, 3, 32))["features"] == [2]
    assert len(found.parts_of(2).kernel.unique()) <= 8
