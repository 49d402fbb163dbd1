"""The ONNX model computes what torch computes, by standard ops, in both layouts."""

import sys
from collections import Counter
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given

from nas.errors import UserError
from nas.graph import Conv2d, Graph, GraphBuilder, NearestConv2d, parse_text
from nas.readers.onnx_writer import Layout
from nas.readers.to_onnx import to_onnx
from nas.readers.weights import Array, Weights, random_weights, weight_nodes
from nas.zoo import ENTRIES, zoo_graph
from tests.onnx_runtime import run_onnx
from tests.readers.test_to_keras import NETWORKS, OPS_ALONE, images, torch_output
from tests.strategies import graphs

LAYOUTS: tuple[Layout, ...] = ("nchw", "nhwc")
each_layout = pytest.mark.parametrize("layout", LAYOUTS)
DISTINCT = {ENTRIES[name].build().deployed.digest: name for name in reversed(ENTRIES)}
LARGE = "EDSR-x3"  # 43 million weights: one layout is enough


def zeros(graph: Graph) -> dict[str, Array]:
    return {
        f"{position}/{part}": np.zeros(shape, np.float32)
        for position, _, parts in weight_nodes(graph)
        for part, shape in parts.items()
    }


def onnx_output(graph: Graph, weights: Weights, x: Array, layout: Layout, **size: int) -> Array:
    """For images (n, h, w, c), one by one where the size is fixed."""
    model = to_onnx(graph, weights, layout=layout, **size)
    x = x if layout == "nhwc" else x.transpose(0, 3, 1, 2)
    y = np.concatenate([run_onnx(model, batch) for batch in np.split(x, len(x) if size else 1)])
    return y if layout == "nhwc" else y.transpose(0, 2, 3, 1)


def assert_near(found: Array, expected: Array, tolerance: float = 1e-5) -> None:
    """Of the largest value where nothing clips a network to 0..1."""
    tolerance *= max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(found, expected, atol=tolerance, rtol=0)


def sizes(model: Any) -> list[list[int | str]]:
    ends = (model.graph.input[0], model.graph.output[0])
    return [[d.dim_param or d.dim_value for d in e.type.tensor_type.shape.dim] for e in ends]


@pytest.mark.parametrize("size", [(7, 9), (8, 10), (1, 2)], ids=str)
@pytest.mark.parametrize("name", OPS_ALONE)
def test_onnx_agrees_with_torch_on_each_op(name: str, size: tuple[int, int]) -> None:
    graph = OPS_ALONE[name]
    weights = random_weights(graph, seed=4)
    x = images(3, *size) - np.float32(0.3)  # both signs
    expected = torch_output(graph, weights, x)
    fixed = {"height": size[0], "width": size[1]}
    assert_near(onnx_output(graph, weights, x, "nchw"), expected)
    assert_near(onnx_output(graph, weights, x, "nhwc", **fixed), expected)


@each_layout
@pytest.mark.parametrize("name", NETWORKS)
def test_onnx_agrees_with_torch(name: str, layout: Layout) -> None:
    graph = NETWORKS[name]
    weights = random_weights(graph, seed=4)
    expected = torch_output(graph, weights, images())
    assert expected.std() > 0.05  # not all clipped
    assert_near(onnx_output(graph, weights, images(), layout), expected, tolerance=1e-4)


@given(graph=graphs())
def test_onnx_agrees_with_torch_on_graphs_of_any_shape(graph: Graph) -> None:
    weights = random_weights(graph, seed=0)
    x = images(graph.channels, 6, 6)
    expected = torch_output(graph, weights, x)
    assert_near(onnx_output(graph, weights, x, "nchw", height=6, width=6), expected)


@pytest.mark.parametrize("name", sorted(DISTINCT.values()))
def test_every_published_network_is_a_valid_model_of_standard_ops(name: str) -> None:
    graph = zoo_graph(name)
    for layout in LAYOUTS[: 1 if name == LARGE else None]:
        model = to_onnx(graph, zeros(graph), height=24, width=36, layout=layout)  # checks itself
        assert [(o.domain, o.version) for o in model.opset_import] == [("", 17)]
        assert {node.domain for node in model.graph.node} == {""}
        convs = [n for n in graph.nodes if isinstance(n.op, Conv2d | NearestConv2d)]
        written = [node for node in model.graph.node if node.op_type == "Conv"]
        own = [node for node in written if not node.name.startswith("resize_bicubic")]
        assert len(own) == len(convs)  # grouped ones stay one node
        shape = graph.shapes(24, 36)[-1]
        high, wide = shape.height, shape.width
        expected = [[1, graph.channels, 24, 36], [1, shape.channels, high, wide]]
        if layout == "nhwc":
            expected = [[1, 24, 36, graph.channels], [1, high, wide, shape.channels]]
        assert sizes(model) == expected


def test_grouped_convolution_is_one_node() -> None:
    graph = zoo_graph("XLSR")
    model = to_onnx(graph, zeros(graph))
    groups = Counter(
        attribute.i
        for node in model.graph.node
        for attribute in node.attribute
        if attribute.name == "group"
    )
    assert groups == Counter(n.op.groups for n in graph.nodes if isinstance(n.op, Conv2d))
    assert max(groups) == 4


def test_sizes_are_open_where_none_is_given() -> None:
    graph = zoo_graph("XCAT")
    found = sizes(to_onnx(graph, zeros(graph)))
    assert found == [
        ["batch", 3, "height", "width"],
        ["batch", 3, "upscaled_height", "upscaled_width"],
    ]
    found = sizes(to_onnx(graph, zeros(graph), width=640, layout="nhwc"))
    assert found == [["batch", "height", 640, 3], ["batch", "upscaled_height", 1920, 3]]


def test_depth_to_space_reads_row_column_colour() -> None:
    #          row 0, column 0  | row 0, column 1  | row 1, column 0  | row 1, column 1
    pixel = [*(10, 11), *(20, 21), *(30, 31), *(40, 41)]  # two colours each
    graph = parse_text("0 input(8); 1 depth_to_space(2)")
    y = onnx_output(graph, {}, np.array(pixel, np.float32)[None, None, None], "nhwc")
    assert y[0].tolist() == [[[10, 11], [20, 21]], [[30, 31], [40, 41]]]


def test_bicubic_leaves_out_what_lies_beyond_the_border() -> None:
    graph = parse_text("0 input(1); 1 resize_bicubic(3)")
    ones = np.ones((1, 2, 3, 1), np.float32)
    np.testing.assert_allclose(onnx_output(graph, {}, ones, "nhwc"), 1, atol=1e-6)


def test_network_of_no_op_returns_the_image() -> None:
    graph = GraphBuilder(channels=3).graph()
    for layout in LAYOUTS:
        np.testing.assert_array_equal(onnx_output(graph, {}, images(), layout), images())


def test_model_tells_what_it_is() -> None:
    graph = zoo_graph("XCAT")
    model = to_onnx(graph, zeros(graph))
    facts = {fact.key: fact.value for fact in model.metadata_props}
    assert parse_text(facts["nas.graph"]) == graph
    assert (facts["nas.digest"], facts["nas.scale"]) == (graph.digest, "3")
    assert model.producer_name == "nas"
    assert {tensor.name for tensor in model.graph.initializer} >= {"1/kernel", "2/bias"}


def test_weights_are_in_the_model_as_they_are() -> None:
    graph = zoo_graph("ABPN")
    weights = random_weights(graph, seed=1)
    tensors = {
        t.name: onnx.numpy_helper.to_array(t) for t in to_onnx(graph, weights).graph.initializer
    }
    for name, array in weights.items():
        expected = array.transpose(3, 2, 0, 1) if name.endswith("kernel") else array
        np.testing.assert_array_equal(tensors[name], expected)


def test_without_onnx_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    graph = zoo_graph("XCAT")
    with pytest.raises(UserError) as caught:
        to_onnx(graph, zeros(graph))
    assert str(caught.value) == (
        'an ONNX file needs the package onnx (install it: pip install "nas[onnx]")'
    )
