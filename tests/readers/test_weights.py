"""Every change of layout of a kernel."""

import numpy as np
import pytest
import torch
from hypothesis import given

from nas.graph import (
    BatchNorm,
    Conv2d,
    Graph,
    GraphBuilder,
    NearestConv2d,
    Op,
    Prelu,
    TransposedConv2d,
)
from nas.readers.cost import count_parameters
from nas.readers.to_torch import to_torch
from nas.readers.weights import (
    STATISTICS,
    conv_nodes,
    group_kernels,
    initial_weights,
    kernel_from_torch,
    kernel_to_torch,
    nearest_kernel,
    random_weights,
    weight_nodes,
)
from nas.zoo import zoo_entry
from tests.strategies import graphs


def test_torch_layout_is_out_in_height_width() -> None:
    kernel = np.arange(3 * 5 * 2 * 4, dtype=np.float32).reshape(3, 5, 2, 4)
    turned = kernel_to_torch(kernel)
    assert turned.shape == (4, 2, 3, 5)
    assert turned[3, 1, 2, 4] == kernel[2, 4, 1, 3]
    np.testing.assert_array_equal(kernel_from_torch(turned), kernel)


def test_group_kernels_are_the_features_of_each_group() -> None:
    kernel = np.arange(6, dtype=np.float32).reshape(1, 1, 1, 6)
    assert [part.ravel().tolist() for part in group_kernels(kernel, 3)] == [[0, 1], [2, 3], [4, 5]]


def test_nearest_kernel_is_identities_side_by_side() -> None:
    kernel = nearest_kernel(NearestConv2d(2), channels=2)
    assert kernel.shape == (1, 1, 2, 8)
    assert kernel[0, 0].tolist() == [[1, 0] * 4, [0, 1] * 4]


def test_conv_nodes_names_position_op_and_input_channels() -> None:
    g = GraphBuilder(channels=3)
    g.chain(g.input, NearestConv2d(2), Conv2d(6, groups=2), Conv2d(4))
    assert list(conv_nodes(g.graph())) == [(2, Conv2d(6, groups=2), 12), (3, Conv2d(4), 6)]


PARTS = [  # op, shape of each of its parts behind 12 channels
    (Conv2d(8), {"kernel": (3, 3, 12, 8), "bias": (8,)}),
    (Conv2d(8, kernel=5, groups=4, bias=False), {"kernel": (5, 5, 12 // 4, 8)}),
    (Conv2d(8, form="rrrb", expansion=2), {"kernel": (3, 3, 12, 8), "bias": (8,)}),
    (TransposedConv2d(8, 4, 2), {"kernel": (4, 4, 8, 12), "bias": (8,)}),
    (BatchNorm(), {"gamma": (12,), "beta": (12,), "mean": (12,), "variance": (12,)}),
    (Prelu(), {"slope": (12,)}),
    (Prelu(shared=True), {"slope": (1,)}),
    (NearestConv2d(2), {}),
]


@pytest.mark.parametrize(("op", "parts"), PARTS, ids=[str(op) for op, _ in PARTS])
def test_parts_of_an_op(op: Op, parts: dict[str, tuple[int, ...]]) -> None:
    g = GraphBuilder(channels=12)
    graph = g.graph(g.append(op, g.input))
    assert list(weight_nodes(graph)) == ([(1, op, parts)] if parts else [])
    assert {name: a.shape for name, a in random_weights(graph, seed=0).items()} == {
        f"1/{part}": shape for part, shape in parts.items()
    }


def test_parts_that_are_no_kernel_start_without_effect() -> None:
    found = {
        part: initial_weights(part, (2,)).tolist()
        for part in ("gamma", "beta", "mean", "variance", "slope", "bias")
    }
    assert found == {
        "gamma": [1, 1],
        "beta": [0, 0],
        "mean": [0, 0],
        "variance": [1, 1],
        "slope": [0.25, 0.25],
        "bias": [0, 0],
    }


@pytest.mark.parametrize("op", [Conv2d(64), TransposedConv2d(64, 4, 2)], ids=str)
def test_random_kernel_keeps_twice_the_variance_of_its_input(op: Op) -> None:
    g = GraphBuilder(channels=64)
    graph = g.graph(g.append(op, g.input))
    weights = random_weights(graph, seed=0) | {"1/bias": np.zeros(64, np.float32)}
    x = torch.randn(1, 64, 24, 24, generator=torch.Generator().manual_seed(0))
    inside = to_torch(graph, weights)(x)[:, :, 4:-4, 4:-4]  # a ReLU takes half of it away
    assert float(inside.detach().var()) == pytest.approx(2, rel=0.1)


def test_random_weights_repeat_with_their_seed() -> None:
    graph = zoo_entry("XLSR").build()
    a, b, c = (random_weights(graph, seed) for seed in (1, 1, 2))
    assert all((a[name] == b[name]).all() for name in a)
    assert any((a[name] != c[name]).any() for name in a)


@given(graph=graphs())
def test_weights_hold_every_trainable_number_once(graph: Graph) -> None:
    weights = random_weights(graph, seed=0)
    trained = (a.size for name, a in weights.items() if name.split("/")[1] not in STATISTICS)
    assert sum(trained) == count_parameters(graph)


@given(graph=graphs())
def test_weights_survive_the_torch_module(graph: Graph) -> None:
    weights = random_weights(graph, seed=3)
    back = to_torch(graph, weights).weights()
    assert set(back) == set(weights)
    for name, array in weights.items():
        np.testing.assert_array_equal(back[name], array)


def test_weights_read_from_a_module_are_a_copy() -> None:
    graph = zoo_entry("XCAT").build()
    module = to_torch(graph, random_weights(graph, seed=0))
    taken = module.weights()
    for array in taken.values():
        array[:] = 7
    assert not any((array == 7).all() for array in module.weights().values())


def test_weight_that_is_not_there_is_named() -> None:
    graph = zoo_entry("XCAT").build()
    weights = random_weights(graph, seed=0)
    gone = next(name for name in weights if name.endswith("/bias"))
    with pytest.raises(KeyError, match=f"^'{gone}'$"):
        to_torch(graph, {name: weights[name] for name in weights if name != gone})
