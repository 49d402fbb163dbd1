"""Every change of layout of a kernel."""

import numpy as np
import pytest
from hypothesis import given

from nas.graph import Conv2d, Graph, GraphBuilder, NearestConv2d
from nas.readers.cost import count_parameters
from nas.readers.to_torch import to_torch
from nas.readers.weights import (
    conv_nodes,
    group_kernels,
    kernel_from_torch,
    kernel_to_torch,
    nearest_kernel,
    random_weights,
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


def test_random_weights_repeat_with_their_seed() -> None:
    graph = zoo_entry("XLSR").build()
    a, b, c = (random_weights(graph, seed) for seed in (1, 1, 2))
    assert all((a[name] == b[name]).all() for name in a)
    assert any((a[name] != c[name]).any() for name in a)


@given(graph=graphs())
def test_weights_hold_every_trainable_number_once(graph: Graph) -> None:
    weights = random_weights(graph, seed=0)
    assert sum(array.size for array in weights.values()) == count_parameters(graph)


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
