"""What training saw is what the file has."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.nn.functional import conv2d

from nas.errors import RewriteError
from nas.graph import (
    Add,
    BatchNorm,
    Clip,
    Concat,
    Conv2d,
    DepthToSpace,
    Graph,
    GraphBuilder,
    LeakyRelu,
    Op,
    Prelu,
    Relu,
    Repeat,
    TransposedConv2d,
)
from nas.graph.rewrites import fold_batch_norm
from nas.quantize.calibration import calibrate
from nas.quantize.convert import to_tflite
from nas.quantize.litert import run_tflite
from nas.quantize.qat import QatNetwork
from nas.quantize.ranges import RangeKind
from nas.quantize.scheme import grid_of, read_scheme
from nas.quantize.settings import RANGE_SPEED, WARMUP_STEPS, Qat
from nas.quantize.simulate import Simulation
from nas.readers.to_torch import in_uint8, to_torch
from nas.readers.weights import Weights, random_weights
from nas.zoo import zoo_entry
from tests.networks import sensible_weights
from tests.quantize.training import pair, train

KINDS: tuple[RangeKind, ...] = ("minmax", "lsq", "pact", "daia")
each_kind = pytest.mark.parametrize("kind", KINDS)


def chain(*ops: Op) -> Graph:
    g = GraphBuilder(channels=3)
    return g.graph(g.chain(g.input, *ops))


def anchored(*, bits: int = 8) -> Graph:
    """Every part that has a rounding of its own, small."""
    g = GraphBuilder(channels=3)
    x = g.chain(g.input, Conv2d(6, bits=bits), LeakyRelu(0.2), Conv2d(6), Prelu())
    x = g.append(Relu(), g.append(Add(), x, g.append(Conv2d(6), g.input)))
    joined = g.append(Concat(), x, g.append(Repeat(2), g.input))
    x = g.append(Conv2d(27, kernel=1), joined)
    x = g.append(Add(), x, g.append(Repeat(9), g.input))
    return g.graph(g.chain(x, Clip(), DepthToSpace(3)))


def network(graph: Graph, settings: Qat, weights: Weights | None = None) -> QatNetwork:
    found = QatNetwork(graph, settings)
    found.load_weights(sensible_weights(graph) if weights is None else weights)
    found.calibrate(pair(3)[0])
    return found.eval()


def psnr_db(image: np.ndarray, other: np.ndarray) -> float:
    error = image.astype(np.float64) - other
    return float(10 * np.log10(255**2 / np.mean(error**2)))


def folded() -> tuple[Graph, Weights]:
    graph = chain(
        *(Conv2d(8, bias=False), BatchNorm(), Relu(), Conv2d(8), BatchNorm(), Relu()),
        *(Conv2d(27), DepthToSpace(3), Clip()),
    )
    return fold_batch_norm(graph, sensible_weights(graph))


def published(name: str) -> Callable[[], tuple[Graph, Weights]]:
    def made() -> tuple[Graph, Weights]:
        graph = zoo_entry(name).build().deployed
        return graph, sensible_weights(graph)

    return made


NETWORKS = {
    "XCAT": (published("XCAT"), "minmax"),
    "ABPN": (published("ABPN"), "lsq"),
    "XLSR": (published("XLSR"), "daia"),
    "anchor in a concat": (published("GenMedia-x9concat"), "minmax"),
    "PReLU and transposed": (published("FSRCNN-RGBx3"), "pact"),
    "folded norms": (folded, "daia"),
    "all roundings, 4 bits": (
        lambda: (anchored(bits=4), sensible_weights(anchored(bits=4))),
        "lsq",
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_file_does_what_training_saw(name: str) -> None:
    make, kind = NETWORKS[name]
    graph, weights = make()
    trained = network(graph, Qat(kind, sqcl=0.1), weights)
    lr, hr = pair(graph.scale)
    train(trained, lr, hr, steps=range(WARMUP_STEPS + 8))
    lr, hr = pair(graph.scale, count=1, height=48, width=60)
    with torch.no_grad():
        seen, wanted = in_uint8(trained(lr)), in_uint8(hr)
    file = to_tflite(graph, trained.weights(), trained.grid(), height=48, width=60)
    found = run_tflite(file, in_uint8(lr))
    assert abs(psnr_db(found, wanted) - psnr_db(seen, wanted)) <= 0.02
    assert (np.abs(found.astype(int) - seen) <= 1).mean() >= 0.995
    assert (found == seen).mean() > 0.97
    simulated = in_uint8(Simulation(graph, trained.weights(), trained.grid())(lr))
    assert (simulated == seen).mean() > 0.97


@each_kind
def test_training_begins_where_post_training_quantisation_ends(kind: RangeKind) -> None:
    graph = anchored()
    weights, lr = sensible_weights(graph), pair(3)[0]
    found = network(graph, Qat(kind), weights)
    assert found.grid() == calibrate(graph, weights, lr)
    assert found.ranges.factors is None or (found.ranges.factors * RANGE_SPEED == 1).all()
    simulated = Simulation(graph, weights, found.grid())(lr)
    assert ((found(lr) - simulated).abs() < 1e-4).float().mean() > 0.995


@each_kind
def test_ranges_move_and_the_loss_falls(kind: RangeKind) -> None:
    trained = network(anchored(), Qat(kind))
    before = trained.grid()
    losses = train(trained, *pair(3), steps=range(WARMUP_STEPS, WARMUP_STEPS + 25))
    assert losses[-1] < 0.9 * losses[0]
    fixed = trained.scheme.fixed
    for position, (old, new) in enumerate(zip(before, trained.grid(), strict=True)):
        assert (old != new) == (trained.scheme.group[position] not in fixed)


@pytest.mark.parametrize("kind", ["lsq", "daia"])
def test_zero_points_stay_where_the_step_is_trained_only(kind: RangeKind) -> None:
    trained = network(anchored(), Qat(kind))
    before = [grid.zero_point for grid in trained.grid()]
    train(trained, *pair(3), steps=range(WARMUP_STEPS, WARMUP_STEPS + 40))
    after = [grid.zero_point for grid in trained.grid()]
    assert (before == after) == (kind == "lsq")


def test_what_is_trained_is_a_step_for_lsq_a_clip_for_pact_two_ends_for_daia() -> None:
    graph = anchored()
    groups = max(read_scheme(graph).group) + 1
    shapes = {}
    for kind in KINDS:
        factors = QatNetwork(graph, Qat(kind)).ranges.factors
        shapes[kind] = None if factors is None else tuple(factors.shape)
    assert shapes == {"minmax": None, "lsq": (1, groups), "pact": (1, groups), "daia": (2, groups)}


def test_extremes_follow_a_moving_average() -> None:
    graph = chain(Conv2d(4), Conv2d(3))
    trained = network(graph, Qat("minmax")).train()
    low = trained.ranges.low[1].item()
    lr = pair(3)[0]
    trained.begin_step(0)
    trained(lr * 0.5)
    least = to_torch(graph, trained.weights()).run(lr * 0.5, range(2))[1].min().item()
    assert trained.ranges.low[1].item() == pytest.approx(0.999 * low + 0.001 * least, rel=1e-4)
    trained.eval()
    kept = trained.ranges.low.clone()
    trained(lr)
    assert torch.equal(kept, trained.ranges.low)  # nothing is followed outside training


def test_what_the_image_brings_to_a_grid_is_followed_before_it_is_rounded() -> None:
    g = GraphBuilder(channels=3)
    joined = g.append(Concat(), g.append(Conv2d(4), g.input), g.input)
    trained = network(g.graph(g.append(Conv2d(3), joined)), Qat("minmax")).train()
    (place,) = [i for i, node in enumerate(trained.graph.nodes) if isinstance(node.op, Concat)]
    before, lr = trained.ranges.high[place].item(), pair(3)[0]
    trained(lr * 0.5)
    expected = 0.999 * before + 0.001 * (lr * 0.5).max().item()
    assert trained.ranges.high[place].item() == pytest.approx(expected, rel=1e-5)


def test_daia_rounds_nothing_for_20_steps_and_starts_from_the_mean_of_their_extremes() -> None:
    graph = chain(Conv2d(4), Conv2d(3))
    weights = sensible_weights(graph)
    trained = QatNetwork(graph, Qat("daia", sqcl=1.0)).train()
    trained.load_weights(weights)
    exact, lr = to_torch(graph, weights), pair(3)[0]
    ends = []
    for step in range(WARMUP_STEPS):
        trained.begin_step(step)
        torch.testing.assert_close(trained(lr / (step + 1)), exact(lr / (step + 1)))
        assert trained.penalty() is None
        y = exact.run(lr / (step + 1), range(2))[1]
        ends.append((y.min().item(), y.max().item()))
    trained.begin_step(WARMUP_STEPS)
    assert not torch.equal(trained(lr), exact(lr))
    assert trained.penalty() is not None
    low, high = np.mean(ends, axis=0)
    expected = grid_of(low, high)
    assert trained.grid()[1].scale == pytest.approx(expected.scale, rel=1e-5)
    assert trained.grid()[1].zero_point == expected.zero_point


def test_penalty_is_the_mean_distance_of_what_is_rounded() -> None:
    graph = chain(Conv2d(4, bias=False), Conv2d(3, bias=False))
    lr = pair(3)[0]
    found = network(graph, Qat("lsq", sqcl=0.3)).train()
    found.ranges.factors.data.fill_(0.5 / RANGE_SPEED)
    found(lr)
    penalty = found.penalty()
    kernels = [found.parts_of(position).kernel for position in (1, 2)]
    first = conv2d(lr, kernels[0], padding=1)
    rounded = found.ranges.quantize(first, 1)
    second = conv2d(rounded, kernels[1], padding=1)
    distances = [rounded - first, found.ranges.quantize(second, 2) - second]
    expected = 0.3 / 255 * sum(distance.abs().mean() for distance in distances)
    torch.testing.assert_close(penalty, expected)
    trained = (found.kernels["1"], found.ranges.factors)
    wanted = torch.autograd.grad(expected, trained, retain_graph=True)
    for one, other in zip(torch.autograd.grad(penalty, trained), wanted, strict=True):
        assert one.abs().max() > 0  # both sides are drawn towards each other
        torch.testing.assert_close(one, other)
    assert network(graph, Qat("lsq")).train()(lr).isfinite().all()
    assert network(graph, Qat("lsq")).penalty() is None


def test_graph_with_a_norm_is_refused() -> None:
    graph = chain(Conv2d(8), BatchNorm(), Conv2d(3))
    with pytest.raises(RewriteError, match="without batch normalisation, but node 2 of") as error:
        QatNetwork(graph, Qat())
    assert error.value.hint == "run fold_batch_norm first"


def test_kept_weights_stay_and_the_others_train() -> None:
    graph = chain(Conv2d(4), Conv2d(27), DepthToSpace(3))
    weights = sensible_weights(graph)
    mask = np.zeros_like(weights["1/kernel"])
    mask[..., 3] = 1
    kept = {"1/kernel": (mask, np.full_like(mask, 0.25)), "2/bias": (np.ones(27), np.zeros(27))}
    trained = QatNetwork(
        graph, Qat(), kept={k: (m, v.astype(np.float32)) for k, (m, v) in kept.items()}
    )
    trained.load_weights(weights)
    trained.calibrate(pair(3)[0])
    train(trained, *pair(3), steps=range(3))
    found = trained.weights()
    assert (found["1/kernel"][..., 3] == 0.25).all()
    assert (found["1/kernel"][..., :3] != weights["1/kernel"][..., :3]).all()
    assert (found["2/bias"] == 0).all()


@each_kind
def test_state_goes_on_as_if_nothing_had_been(kind: RangeKind) -> None:
    """With a fresh optimiser on both sides."""
    graph, data = anchored(), pair(3)
    one, other = network(graph, Qat(kind)), QatNetwork(graph, Qat(kind))
    train(one, *data, steps=range(12))  # in the middle of an estimate
    other.load_state_dict(one.state_dict())
    losses = [train(net, *data, steps=range(12, 24)) for net in (one, other)]
    assert losses[0] == losses[1]
    assert one.grid() == other.grid()


def test_weights_are_those_of_the_plain_network() -> None:
    graph = anchored()
    weights = random_weights(graph, seed=0)
    found = network(graph, Qat("lsq"), weights)
    assert found.weights().keys() == weights.keys()
    assert all(np.array_equal(found.weights()[name], weights[name]) for name in weights)
    plain = to_torch(graph, weights).parameters()
    assert all(torch.equal(a, b) for a, b in zip(found.deployed(), plain, strict=True))


def test_every_value_of_a_file_is_on_its_grid() -> None:
    graph = chain(Conv2d(4), TransposedConv2d(3, 9, 3))
    trained = network(graph, Qat("minmax"))
    for y, grid in zip(trained.run(pair(3)[0], range(3)), trained.grid(), strict=True):
        codes = y / grid.scale
        torch.testing.assert_close(codes, codes.round(), rtol=0, atol=1e-3)
