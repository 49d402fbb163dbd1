"""Pruning takes channels out of a graph and its weights; what cannot lose channels is refused."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    Op,
    Prelu,
    Relu,
    Sigmoid,
    Slice,
)
from nas.graph.rewrites import prune_channels
from nas.graph.rewrites.prune import inner_convs
from nas.readers.weights import Array
from nas.zoo import zoo_entry
from tests.graph.test_rewrites import chain, check_same, exact_weights

RELU = Conv2d(8, activation="relu")
RULE = "prune_channels needs what it takes out to go into convolutions only"


def without(
    weights: Mapping[str, Array], widths: Mapping[int, int], kept: Mapping[int, list[int]]
) -> dict[str, Array]:
    """Weights with which the channels that are not kept are zero."""
    found = {name: array.copy() for name, array in weights.items()}
    for position, channels in kept.items():
        gone = np.setdiff1d(np.arange(widths[position]), channels)
        for part in ("kernel", "bias"):
            if f"{position}/{part}" in found:
                found[f"{position}/{part}"][..., gone] = 0
    return found


def check_pruned(graph: Graph, kept: Mapping[int, list[int]], seed: int = 0) -> Graph:
    """Channels that are zero can go without a change of the output; gives the pruned graph."""
    widths = {p: op.features for p, op in inner_convs(graph).items()}
    weights = without(exact_weights(graph.deployed, seed), widths, kept)
    found = prune_channels(graph, weights, kept)
    check_same(graph.deployed, weights, (found[0].deployed, found[1]))
    return found[0]


@given(
    widths=st.lists(st.integers(1, 7), min_size=1, max_size=4),
    bias=st.booleans(),
    data=st.data(),
)
def test_channels_that_are_zero_can_go(widths: list[int], bias: bool, data: st.DataObject) -> None:
    convs = [Conv2d(width, activation="relu", bias=bias) for width in widths]
    graph = chain(*convs, Conv2d(12), DepthToSpace(2), Clip())
    kept = {
        position: sorted(data.draw(st.sets(st.integers(0, width - 1), min_size=1)))
        for position, width in enumerate(widths, start=1)
        if data.draw(st.booleans())
    }
    after = check_pruned(graph, kept)
    found = [node.op.features for node in after.nodes if isinstance(node.op, Conv2d)]
    assert found == [len(kept.get(i, range(w))) for i, w in enumerate(widths, start=1)] + [12]


def test_kernels_lose_rows_and_columns() -> None:
    graph = chain(RELU, RELU, Conv2d(12))
    weights = exact_weights(graph, 0)
    _, after = prune_channels(graph, weights, {1: [0, 2, 5], 2: [7]})
    np.testing.assert_array_equal(after["1/kernel"], weights["1/kernel"][..., [0, 2, 5]])
    np.testing.assert_array_equal(after["1/bias"], weights["1/bias"][[0, 2, 5]])
    rows = weights["2/kernel"][:, :, [0, 2, 5]]
    np.testing.assert_array_equal(after["2/kernel"], rows[..., [7]])
    np.testing.assert_array_equal(after["3/kernel"], weights["3/kernel"][:, :, [7]])
    np.testing.assert_array_equal(after["3/bias"], weights["3/bias"])


def test_slopes_go_with_their_channels() -> None:
    graph = chain(Conv2d(6), Prelu(), Conv2d(6), Prelu(shared=True), Conv2d(3))
    check_pruned(graph, {1: [1, 4], 3: [0, 2, 3]})


def test_slices_and_concats_lose_what_they_pass_on() -> None:
    g = GraphBuilder()
    x = g.append(RELU, g.input)
    first = g.chain(x, Slice(0, 3), Conv2d(4, activation="relu"))
    second = g.chain(x, Slice(3, 5), Conv2d(5, activation="relu"))
    graph = g.graph(g.append(Conv2d(3), g.append(Concat(), second, first)))
    assert [str(graph.nodes[i].op) for i in (2, 4)] == ["Slice(3, 5)", "Slice(0, 3)"]
    after = check_pruned(graph, {1: [0, 2, 3, 6, 7], 3: [1, 4], 5: [0, 3]})
    assert [str(after.nodes[i].op) for i in (2, 4)] == ["Slice(2, 3)", "Slice(0, 2)"]


def test_sum_of_equally_pruned_tensors_is_pruned() -> None:
    g = GraphBuilder()
    x = g.append(RELU, g.input)
    y = g.append(RELU, x)
    graph = g.graph(g.chain(g.append(Add(), x, y), Relu(), Conv2d(3)))
    assert check_pruned(graph, {1: [0, 1, 5], 2: [0, 1, 5]}).shapes(9, 9)[3].channels == 3


def test_forms_stay() -> None:
    graph = zoo_entry("RPQ-unpruned-d5").build()
    kept = {position: list(range(35)) for position in inner_convs(graph)}
    after, weights = prune_channels(graph, exact_weights(graph.deployed, 0), kept)
    assert after == zoo_entry("RPQ").build()
    assert sum(array.size for array in weights.values()) == 42_692  # of the file of 53 KB


def test_inner_convolutions_are_those_that_others_read() -> None:
    assert list(inner_convs(chain(RELU, RELU, Conv2d(12), DepthToSpace(2)))) == [1, 2]
    trained_anchor = GraphBuilder()
    anchor = trained_anchor.append(Conv2d(27), trained_anchor.input)
    trunk = trained_anchor.chain(trained_anchor.input, RELU, Conv2d(27))
    graph = trained_anchor.graph(trained_anchor.append(Add(), anchor, trunk))
    (inner,) = inner_convs(graph)
    assert graph.nodes[inner].op == RELU


def branched(first: Op, second: Op) -> Graph:
    g = GraphBuilder()
    x = g.append(RELU, g.input)
    return g.graph(g.append(Conv2d(3), g.append(Add(), g.append(first, x), g.append(second, x))))


HALF = {1: [0, 1, 2, 3]}
REFUSED = [
    (
        chain(RELU, replace(RELU, groups=2), Conv2d(3)),
        HALF,
        "node 2 of {digest}, conv(8, groups=2, activation=relu), has groups",
        "each channel belongs to a group; leave what it reads whole",
    ),
    (
        chain(RELU, replace(RELU, groups=2), Conv2d(3)),
        {2: [0, 1, 4, 5]},
        "node 2 of {digest}, conv(8, groups=2, activation=relu), has groups",
        "each channel belongs to a group; leave it whole",
    ),
    (
        chain(RELU, Relu(), Conv2d(3)),
        {2: [0]},
        "node 2 of {digest}, relu(), is no convolution",
        "name a convolution",
    ),
    (
        chain(RELU, Slice(4, 4), Conv2d(3)),
        HALF,
        "node 2 of {digest}, slice(4, 4), would be left without channels",
        "keep some in its range",
    ),
    (
        branched(Conv2d(8), Relu()),
        HALF,
        "node 4 of {digest}, add(), adds tensors of which other channels stay",
        "prune both alike, or neither",
    ),
    (
        chain(Conv2d(8), BatchNorm(), Conv2d(3)),
        HALF,
        "node 2 of {digest}, batch_norm(), shifts it",
        "run fold_batch_norm first",
    ),
    (
        chain(RELU, Sigmoid(), Conv2d(3)),
        HALF,
        "node 2 of {digest}, sigmoid(), reads it",
        "leave the convolution before it whole",
    ),
    (
        chain(RELU, Clip(0.5, 1), Conv2d(3)),
        HALF,
        "node 2 of {digest}, clip(low=0.5), reads it",
        "leave the convolution before it whole",
    ),
    (
        chain(RELU, Relu()),
        HALF,
        "node 2 of {digest}, relu(), is the output",
        "the image keeps all of its channels",
    ),
]


@pytest.mark.parametrize(
    ("graph", "kept", "broken", "hint"), REFUSED, ids=[row[2] for row in REFUSED]
)
def test_what_does_not_fit_is_refused(
    graph: Graph, kept: dict[int, list[int]], broken: str, hint: str
) -> None:
    with pytest.raises(RewriteError) as caught:
        prune_channels(graph, exact_weights(graph, 0), kept)
    assert str(caught.value) == f"{RULE}, but {broken.format(digest=graph.digest)} ({hint})"
