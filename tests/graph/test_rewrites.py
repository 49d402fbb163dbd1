"""Rewrites keep the output; what they promise to remove is gone; what does not fit is refused."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.errors import GraphError, RewriteError
from nas.graph import (
    Add,
    BatchNorm,
    Clip,
    Concat,
    Conv2d,
    DepthToSpace,
    Graph,
    GraphBuilder,
    NearestConv2d,
    Op,
    Prelu,
    Relu,
    Repeat,
    to_text,
)
from nas.graph.rewrites import carry_residual, clip_by_convs, fold_batch_norm
from nas.readers.to_torch import to_torch
from nas.readers.weights import Array, Weights, weight_nodes
from nas.zoo import zoo_entry

Rewrite = Callable[[Graph, Weights], tuple[Graph, dict[str, Array]]]
RELU = Conv2d(8, activation="relu")


def chain(*ops: Op) -> Graph:
    g = GraphBuilder()
    return g.graph(g.chain(g.input, *ops))


def anchored(
    *convs: Op, scale: int = 3, kind: str = "copies", channels: int = 3, end: tuple[Op, ...] = ()
) -> Graph:
    """Copies of the image plus a trunk of `convs`."""
    g = GraphBuilder(channels)
    copies = Repeat(scale**2) if kind == "copies" else NearestConv2d(scale)
    image = g.input if kind == "image" else g.append(copies, g.input)
    total = g.append(Add(), image, g.chain(g.input, *convs))
    return g.graph(g.chain(total, *end) if end else total)


def exact_weights(graph: Graph, seed: int) -> dict[str, Array]:
    """Weights in steps of 2^-10, with which 1 - bias and 1 + kernel do not round."""
    rng = np.random.default_rng(seed)
    found = {}
    for position, _, parts in weight_nodes(graph):
        for part, shape in parts.items():
            span = 1 / np.sqrt(np.prod(shape[:3])) if part == "kernel" else 0.5
            values = np.round(rng.uniform(-span, span, shape) * 2**10) / 2**10
            if part == "variance":
                values += 0.75
            found[f"{position}/{part}"] = values.astype(np.float32)
    return found


def outputs(graph: Graph, weights: Weights, *, double: bool) -> np.ndarray:
    """Of a small image of 0..1, darkest and brightest values included, most of it border."""
    image = np.random.default_rng(0).uniform(-0.2, 1.2, (1, graph.channels, 6, 8)).clip(0, 1)
    module = to_torch(graph, weights)
    x = torch.from_numpy(image)
    with torch.no_grad():
        return np.asarray(module.double()(x) if double else module(x.float()))


def check_same(graph: Graph, weights: Weights, found: tuple[Graph, dict[str, Array]]) -> None:
    """The rewritten network, which has exactly the weights it needs, computes the same."""
    after, new = found
    needed = {
        f"{at}/{part}": shape for at, _, ps in weight_nodes(after) for part, shape in ps.items()
    }
    assert {name: array.shape for name, array in new.items()} == needed
    assert {array.dtype for array in new.values()} <= {np.dtype(np.float32)}
    for double, tolerance in [(False, 1e-6), (True, 1e-10)]:
        old = outputs(graph, weights, double=double)
        np.testing.assert_allclose(
            outputs(after, new, double=double), old, rtol=tolerance, atol=tolerance
        )


convs = st.builds(
    Conv2d,
    features=st.integers(1, 7),
    kernel=st.sampled_from([1, 3, 5]),
    activation=st.sampled_from(["none", "relu"]),
    bias=st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(
    body=st.lists(convs, max_size=4),
    last=convs,
    scale=st.integers(1, 3),
    kind=st.sampled_from(["copies", "nearest_conv", "image"]),
    channels=st.sampled_from([1, 3, 4]),
    seed=st.integers(0, 99),
)
def test_carrying_the_image_keeps_the_output(
    body: list[Conv2d], last: Conv2d, scale: int, kind: str, channels: int, seed: int
) -> None:
    features = channels if kind == "image" else channels * scale**2
    readout = replace(last, features=features, activation="none")
    graph = anchored(*body, readout, scale=scale, kind=kind, channels=channels)
    weights = exact_weights(graph, seed)
    after, new = carry_residual(graph, weights)
    check_same(graph, weights, (after, new))
    carried = [replace(op, features=op.features + channels) for op in body]
    g = GraphBuilder(channels)
    assert after == g.graph(g.chain(g.input, *carried, readout))


def test_carried_image_is_one_in_the_centre() -> None:
    graph = anchored(RELU, RELU, Conv2d(27))
    weights = exact_weights(graph, 0)
    before = [weights[f"{at}/kernel"] for at, _, _ in weight_nodes(graph)]
    _, new = carry_residual(graph, weights)
    assert new["1/kernel"].shape == (3, 3, 3, 8 + 3)
    assert new["2/kernel"].shape == (3, 3, 8 + 3, 8 + 3)
    assert new["3/kernel"].shape == (3, 3, 8 + 3, 27)
    np.testing.assert_array_equal(new["2/kernel"][:, :, :8, :8], before[1])
    np.testing.assert_array_equal(new["3/kernel"][1, 1, 8:], np.tile(np.eye(3), 9))
    np.testing.assert_array_equal(new["2/kernel"][1, 1, 8:, 8:], np.eye(3))
    for name, block in [("1", np.s_[:, :, :, 8:]), ("2", np.s_[:, :, 8:]), ("3", np.s_[:, :, 8:])]:
        ones = new[f"{name}/kernel"][block]
        assert np.count_nonzero(ones) == ones[1, 1].sum() == (27 if name == "3" else 3)
    assert not new["2/bias"][8:].any()


@settings(max_examples=40, deadline=None)
@given(
    body=st.lists(convs, max_size=2),
    last=convs,
    groups=st.sampled_from([1, 3]),
    place=st.sampled_from(["alone", "before", "after"]),
    seed=st.integers(0, 99),
)
def test_two_convs_clip_as_the_clip_did(
    body: list[Conv2d], last: Conv2d, groups: int, place: str, seed: int
) -> None:
    conv = replace(last, features=12, activation="none")
    if groups > 1:
        body = [*body, Conv2d(6)]
        conv = replace(conv, groups=groups)
    ends: dict[str, list[Op]] = {
        "alone": [Clip()],
        "before": [Clip(), DepthToSpace(2)],
        "after": [DepthToSpace(2), Clip()],
    }
    graph = chain(*body, conv, *ends[place])
    weights = exact_weights(graph, seed)
    after, new = clip_by_convs(graph, weights)
    check_same(graph, weights, (after, new))
    negative = replace(conv, activation="relu", bias=True)
    shuffle = [op for op in ends[place] if op != Clip()]
    assert after == chain(*body, negative, Conv2d(12, kernel=1, activation="relu"), *shuffle)


def test_both_ends_of_the_clip_are_met() -> None:
    graph = chain(Conv2d(27), DepthToSpace(3), Clip())
    weights = exact_weights(graph, 1)
    weights["1/bias"] = np.linspace(-2, 3, 27, dtype=np.float32)
    y = outputs(*clip_by_convs(graph, weights), double=False)
    assert y.min() == 0
    assert y.max() == 1
    assert ((y > 0) & (y < 1)).any()


def test_two_clips_both_become_convs() -> None:
    graph = chain(Conv2d(4), Clip(), Conv2d(4, kernel=1), Clip())
    weights = exact_weights(graph, 2)
    check_same(graph, weights, clip_by_convs(graph, weights))
    assert "clip" not in to_text(clip_by_convs(graph, weights)[0])


def test_pure_conv_sr_is_an_anchored_network_rewritten() -> None:
    body = [Conv2d(29, activation="relu")] * 4
    end = (DepthToSpace(3), Clip())
    graph = anchored(*body, Conv2d(27), end=end)
    weights = exact_weights(graph, 3)
    found = clip_by_convs(*carry_residual(graph, weights))
    check_same(graph, weights, found)
    assert found[0].digest == zoo_entry("PureConvSR").build().deployed.digest
    assert sum(array.size for array in found[1].values()) == 37_199  # of the published file


def test_abpn_carries_its_image_in_three_more_channels() -> None:
    abpn = zoo_entry("ABPN").build()
    after, _ = carry_residual(abpn, exact_weights(abpn, 4))
    widths = [node.op.features for node in after.nodes if isinstance(node.op, Conv2d)]
    assert widths == [31, 31, 31, 31, 31, 30, 27]


def test_forms_are_left_out() -> None:
    trained = anchored(replace(RELU, form="rep_block", expansion=2), Conv2d(27))
    weights = exact_weights(trained.deployed, 5)
    assert carry_residual(trained, weights)[0] == carry_residual(trained.deployed, weights)[0]
    clips = chain(Conv2d(8, form="ecb"), Clip())
    clipped, _ = clip_by_convs(clips, exact_weights(clips.deployed, 5))
    assert clipped == chain(RELU, replace(RELU, kernel=1))
    norms = chain(replace(RELU, form="repvgg"), Conv2d(8), BatchNorm())
    folded, _ = fold_batch_norm(norms, exact_weights(norms.deployed, 5))
    assert folded == chain(RELU, Conv2d(8))


def sr_resnet(*, width: int, blocks: int, kernel: int, bias: bool, groups: int) -> Graph:
    """The generator that FQSR quantises, but for its size (arXiv:2011.14265)."""
    conv = Conv2d(width, kernel=kernel, bias=bias, groups=groups)
    g = GraphBuilder()
    head = x = g.chain(g.input, Conv2d(width, kernel=5, bias=False), Prelu(shared=True))
    for _ in range(blocks):
        y = g.chain(x, conv, BatchNorm(), Prelu(shared=True), conv, BatchNorm())
        x = g.append(Add(), y, x)
    x = g.append(Add(), g.chain(x, conv, BatchNorm()), head)
    up = (Conv2d(width * 4, bias=False), DepthToSpace(2), Prelu(shared=True))
    return g.graph(g.chain(x, *up, Conv2d(3, kernel=5, bias=False)))


@settings(max_examples=30, deadline=None)
@given(
    width=st.sampled_from([2, 4, 6]),
    blocks=st.integers(0, 3),
    kernel=st.sampled_from([1, 3]),
    bias=st.booleans(),
    groups=st.sampled_from([1, 2]),
    seed=st.integers(0, 99),
)
def test_folding_the_norms_keeps_the_output(
    width: int, blocks: int, kernel: int, bias: bool, groups: int, seed: int
) -> None:
    graph = sr_resnet(width=width, blocks=blocks, kernel=kernel, bias=bias, groups=groups)
    weights = exact_weights(graph, seed)
    rng = np.random.default_rng(seed)
    for name, array in weights.items():
        if name.endswith("gamma"):
            weights[name] = rng.uniform(0.1, 1.5, array.shape).astype(np.float32)
    after, new = fold_batch_norm(graph, weights)
    assert not any(isinstance(node.op, BatchNorm) for node in after.nodes)
    assert len(after.nodes) == len(graph.nodes) - (2 * blocks + 1)
    for double in (False, True):
        old = outputs(graph, weights, double=double)
        np.testing.assert_allclose(outputs(after, new, double=double), old, rtol=1e-5, atol=1e-5)


def test_folding_is_the_formula_by_hand() -> None:
    graph = chain(Conv2d(1, kernel=1), BatchNorm())
    parts = {"gamma": 6.0, "beta": 0.5, "mean": 2.0, "variance": 0.0}
    weights = {f"2/{part}": np.array([value], np.float32) for part, value in parts.items()}
    weights |= {"1/kernel": np.ones((1, 1, 3, 1), np.float32), "1/bias": np.ones(1, np.float32)}
    _, new = fold_batch_norm(graph, weights)
    gain = 6 / 0.00001**0.5
    np.testing.assert_allclose(new["1/kernel"], np.full((1, 1, 3, 1), gain), rtol=1e-6)
    np.testing.assert_allclose(new["1/bias"], [0.5 + (1 - 2) * gain], rtol=1e-6)


@pytest.mark.parametrize("rewrite", [clip_by_convs, fold_batch_norm])
def test_nothing_to_do_changes_nothing(rewrite: Rewrite) -> None:
    graph = anchored(RELU, Conv2d(27), end=(Relu(), DepthToSpace(3)))
    weights = exact_weights(graph, 6)
    after, new = rewrite(graph, weights)
    assert after == graph
    assert new.keys() == weights.keys()
    assert all(new[name] is weights[name] for name in weights)


def shared(op: Op, *rest: Op) -> Graph:
    """A convolution that `rest` reads, and a sum at the end."""
    g = GraphBuilder()
    x = g.append(op, g.input)
    return g.graph(g.append(Add(), x, g.chain(x, *rest)))


def anchored_and_shared() -> Graph:
    g = GraphBuilder()
    x = g.append(Conv2d(9), g.input)
    total = g.append(Add(), g.append(Repeat(3), g.input), g.append(Conv2d(9), x))
    return g.graph(g.append(Concat(), total, x))


def two_sums_with_the_image() -> Graph:
    g = GraphBuilder()
    x = g.append(Add(), g.append(Conv2d(3), g.input), g.input)
    return g.graph(g.append(Add(), g.append(Conv2d(3), x), g.input))


CHAIN = "needs a trunk of convolutions, one after the other, from the image to a sum"
ONE_SUM = "needs one sum with the image or with copies of it"
CLIPPED = "needs every clip to be 0..1 of a convolution that nothing else reads"
NORMED = "needs every norm to read a convolution that nothing else reads"
KEEP = "keep the sum here; slices, concats and inner sums have no kernel to carry the image"
COPIES = "copies are Repeat or NearestConv2d of the image; a convolution of it is none"
GROUPS = "only a convolution of all channels can carry the image on"
CLIP_SEEN = "what else reads it would see clipped values"

REFUSED: list[tuple[Rewrite, Graph, str, str, str]] = [
    # rewrite, graph, rule, what {digest} breaks it with, hint
    (
        carry_residual,
        zoo_entry("MobileSR-CDFM").build(),
        CHAIN,
        "node 12 of {digest}, add(), is no convolution",
        KEEP,
    ),
    (carry_residual, zoo_entry("EMSRNet").build(), ONE_SUM, "{digest} has 0", COPIES),
    (carry_residual, zoo_entry("DoubleZ").build(), ONE_SUM, "{digest} has 0", COPIES),
    (carry_residual, two_sums_with_the_image(), ONE_SUM, "{digest} has 2", COPIES),
    (
        carry_residual,
        anchored(RELU, BatchNorm(), Conv2d(27)),
        CHAIN,
        "node 3 of {digest}, batch_norm(), is no convolution",
        "run fold_batch_norm first",
    ),
    (
        carry_residual,
        anchored(Repeat(9)),
        ONE_SUM,
        "{digest} has 2",
        COPIES,
    ),
    (
        carry_residual,
        anchored(RELU, replace(RELU, groups=2), Conv2d(27)),
        CHAIN,
        "node 3 of {digest}, conv(8, groups=2, activation=relu), has groups",
        GROUPS,
    ),
    (
        carry_residual,
        anchored(RELU, Conv2d(27, activation="relu")),
        CHAIN,
        "node 2 of {digest}, conv(27, activation=relu), has an activation before the sum",
        "the sum would come before the activation; leave it out",
    ),
    (
        carry_residual,
        anchored_and_shared(),
        CHAIN,
        "node 1 of {digest}, conv(9), is also read by 5",
        "what else reads it would see the carried channels",
    ),
    (
        clip_by_convs,
        chain(Conv2d(3), Clip(-1.0, 1.0)),
        CLIPPED,
        "node 2 of {digest}, clip(low=-1.0), has other limits",
        "values run from 0 to 1; two ReLU make no other lower limit than 0",
    ),
    (
        clip_by_convs,
        anchored(Conv2d(27), end=(Clip(),)),
        CLIPPED,
        "node 3 of {digest}, add(), is no convolution",
        "run carry_residual first where a sum with the image is clipped",
    ),
    (
        clip_by_convs,
        chain(RELU, Clip()),
        CLIPPED,
        "node 1 of {digest}, conv(8, activation=relu), has an activation",
        "after ReLU the lower limit is there already; leave the activation to the clip",
    ),
    (
        clip_by_convs,
        shared(Conv2d(3), Clip()),
        CLIPPED,
        "node 1 of {digest}, conv(3), is also read by 3",
        CLIP_SEEN,
    ),
    (
        fold_batch_norm,
        chain(RELU, BatchNorm()),
        NORMED,
        "node 1 of {digest}, conv(8, activation=relu), has an activation before the norm",
        "put the activation after the norm",
    ),
    (
        fold_batch_norm,
        chain(Conv2d(8), Relu(), BatchNorm()),
        NORMED,
        "node 2 of {digest}, relu(), is no convolution",
        "put the norm right after a convolution",
    ),
    (
        fold_batch_norm,
        shared(Conv2d(8), BatchNorm()),
        NORMED,
        "node 1 of {digest}, conv(8), is also read by 3",
        "what else reads it would see normalised values",
    ),
]


@pytest.mark.parametrize(
    ("rewrite", "graph", "rule", "broken", "hint"), REFUSED, ids=[row[3] for row in REFUSED]
)
def test_what_does_not_fit_is_refused(
    rewrite: Rewrite, graph: Graph, rule: str, broken: str, hint: str
) -> None:
    with pytest.raises(RewriteError) as caught:
        rewrite(graph, exact_weights(graph.deployed, 0))
    name = getattr(rewrite, "__name__", "")
    broken = broken.format(digest=graph.digest)
    assert str(caught.value) == f"{name} {rule}, but {broken} ({hint})"
    assert isinstance(caught.value, GraphError)


def test_slices_and_concats_are_refused() -> None:
    xcat = zoo_entry("XCAT").build()
    with pytest.raises(RewriteError, match=r"concat\(\), is no convolution .*keep the sum here"):
        carry_residual(xcat, exact_weights(xcat, 0))


def test_depth_to_space_that_others_read_is_not_passed() -> None:
    g = GraphBuilder()
    x = g.chain(g.input, Conv2d(12), DepthToSpace(2))
    graph = g.graph(g.append(Add(), x, g.append(Clip(), x)))
    with pytest.raises(RewriteError, match=r"depth_to_space\(2\), is also read by 4"):
        clip_by_convs(graph, exact_weights(graph, 0))
