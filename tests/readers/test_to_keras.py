"""Keras computes what torch computes, and opens a saved network where `nas` is not installed."""

import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from nas.graph import (
    OPS,
    Add,
    BatchNorm,
    Clip,
    Concat,
    Conv2d,
    DepthToSpace,
    GlobalAveragePool,
    Graph,
    GraphBuilder,
    LeakyRelu,
    Multiply,
    NearestConv2d,
    Op,
    Prelu,
    Relu,
    Repeat,
    ResizeBicubic,
    ResizeNearest,
    Sigmoid,
    Slice,
    SpaceToDepth,
    Tanh,
    TransposedConv2d,
)
from nas.readers.to_keras import to_keras
from nas.readers.to_torch import to_torch
from nas.readers.weights import Array, Weights, random_weights
from nas.space import load_space
from nas.zoo import mobile_x3_names, zoo_entry
from tests.networks import sensible_weights, smooth_images
from tests.strategies import graphs

HXNET = load_space("hxnet")
NAMES = ("XCAT", "XLSR", "ABPN", "RepGSR", "BilibiliAI", "XCAT-M", "DoubleZ")
MOBILE = tuple(name for name in mobile_x3_names() if name != "EDSR-x3")  # which has gigabytes


def random_picks() -> list[Graph]:
    rng = random.Random(2)
    return [HXNET.graph(HXNET.sample(rng), scale=(2, 3, 4)[i % 3]) for i in range(10)]


def chain(*ops: Op, channels: int = 3) -> Graph:
    g = GraphBuilder(channels)
    return g.graph(g.chain(g.input, *ops))


def gated() -> Graph:
    """Squeeze and excitation: channels scaled by what is made of their means."""
    g = GraphBuilder(channels=3)
    x = g.append(Conv2d(6, activation="relu"), g.input)
    gate = g.chain(x, GlobalAveragePool(), Conv2d(2, kernel=1), Conv2d(6, kernel=1), Sigmoid())
    return g.graph(g.append(Multiply(), x, gate))


def joined(op: Op) -> Graph:
    g = GraphBuilder(channels=3)
    return g.graph(g.append(op, *(g.append(Conv2d(4, kernel=k), g.input) for k in (1, 3))))


SINGLE = (
    *(Conv2d(8), Conv2d(8, kernel=1, activation="relu"), Conv2d(6, groups=3, bias=False)),
    *(Conv2d(8, stride=2), Conv2d(8, kernel=5, stride=3), Conv2d(6, groups=3, stride=2)),
    *(Conv2d(8, form="rrrb", expansion=2), Conv2d(8, bits=4)),
    *(TransposedConv2d(5, 2, 2), TransposedConv2d(5, 4, 2), TransposedConv2d(5, 9, 3)),
    *(NearestConv2d(2), BatchNorm(), Repeat(3), Slice(1, 2), Relu(), LeakyRelu(0.2)),
    *(Prelu(), Prelu(shared=True), Tanh(), Sigmoid(), Clip(0.25, 0.75), Clip()),
    *(GlobalAveragePool(), ResizeNearest(2), ResizeNearest(3)),
    *(ResizeBicubic(2), ResizeBicubic(3), ResizeBicubic(4)),
)
OPS_ALONE = {str(op): chain(op) for op in SINGLE}
OPS_ALONE |= {str(op): joined(op) for op in (Add(), Concat(), Multiply())}
OPS_ALONE |= {
    "gate": gated(),
    "SpaceToDepth": chain(ResizeNearest(2), SpaceToDepth(2)),  # of any size
    "DepthToSpace": chain(Conv2d(12), DepthToSpace(2)),
}
NETWORKS = {name: zoo_entry(name).build() for name in NAMES}
NETWORKS |= {f"pick-{i}-x{graph.scale}": graph for i, graph in enumerate(random_picks())}


def images(channels: int = 3, height: int = 7, width: int = 9) -> Array:
    return np.random.default_rng(5).random((2, height, width, channels), np.float32)


def torch_output(graph: Graph, weights: Weights, x: Array) -> Array:
    with torch.no_grad():
        y = to_torch(graph, weights)(torch.from_numpy(x.transpose(0, 3, 1, 2).copy()))
    found: Array = y.numpy().transpose(0, 2, 3, 1)
    return found


def keras_output(graph: Graph, weights: Weights, x: Array) -> Array:
    found: Array = np.asarray(to_keras(graph, weights)(x))
    return found


def assert_near(found: Array, expected: Array) -> None:
    """To 1e-5; of the largest value where nothing clips a network to 0..1."""
    tolerance = 1e-5 * max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(found, expected, atol=tolerance, rtol=0)


@pytest.mark.parametrize("name", NETWORKS)
def test_keras_agrees_with_torch(name: str) -> None:
    graph = NETWORKS[name]
    weights = random_weights(graph, seed=4)
    expected = torch_output(graph, weights, images())
    assert expected.std() > 0.05  # not all clipped
    assert_near(keras_output(graph, weights, images()), expected)


@pytest.mark.parametrize("size", [(7, 9), (8, 10), (1, 2)], ids=str)
@pytest.mark.parametrize("name", OPS_ALONE)
def test_keras_agrees_with_torch_on_each_op(name: str, size: tuple[int, int]) -> None:
    graph = OPS_ALONE[name]
    weights = random_weights(graph, seed=4)
    x = images(3, *size) - np.float32(0.3)  # both signs
    assert_near(keras_output(graph, weights, x), torch_output(graph, weights, x))


def test_every_op_is_compared() -> None:
    found = {type(node.op) for graph in OPS_ALONE.values() for node in graph.nodes}
    assert found == OPS


@pytest.mark.parametrize("name", MOBILE)
def test_keras_agrees_with_torch_on_every_mobile_network(name: str) -> None:
    graph = zoo_entry(name).build()
    weights = sensible_weights(graph)
    x = smooth_images(2, 8, 10).astype(np.float32) / 255
    expected = torch_output(graph, weights, x)
    assert expected.std() > 0.02
    np.testing.assert_allclose(keras_output(graph, weights, x), expected, atol=1e-5, rtol=0)


@given(graph=graphs())
@settings(max_examples=25)
def test_keras_agrees_with_torch_on_any_graph(graph: Graph) -> None:
    weights = random_weights(graph, seed=4)
    x = images(graph.channels, 8, 10)
    expected = torch_output(graph, weights, x)
    assert_near(keras_output(graph, weights, x), expected)


@pytest.mark.parametrize("copies", [NearestConv2d(3), Repeat(9)], ids=str)
def test_copies_and_depth_to_space_are_nearest_upsampling(copies: Op) -> None:
    x = images()
    y = keras_output(chain(copies, DepthToSpace(3)), {}, x)
    np.testing.assert_array_equal(y, x.repeat(3, axis=1).repeat(3, axis=2))


def test_depth_to_space_reads_row_column_colour() -> None:
    #          row 0, column 0  | row 0, column 1  | row 1, column 0  | row 1, column 1
    pixel = [*(10, 11), *(20, 21), *(30, 31), *(40, 41)]  # two colours each
    x = np.array(pixel, np.float32)[None, None, None]
    y = keras_output(chain(DepthToSpace(2), channels=8), {}, x)
    assert y[0].tolist() == [[[10, 11], [20, 21]], [[30, 31], [40, 41]]]


def test_space_to_depth_writes_row_column_colour() -> None:
    x = np.array([[[10, 11], [20, 21]], [[30, 31], [40, 41]]], np.float32)[None]
    y = keras_output(chain(SpaceToDepth(2), channels=2), {}, x)
    assert y.flatten().tolist() == [*(10, 11), *(20, 21), *(30, 31), *(40, 41)]


def test_input_size_may_be_fixed_or_open() -> None:
    graph = NETWORKS["XCAT"]
    weights = random_weights(graph, seed=0)
    assert to_keras(graph, weights).input_shape == (None, None, None, 3)
    fixed = to_keras(graph, weights, height=12, width=16)
    assert (fixed.input_shape, fixed.output_shape) == ((None, 12, 16, 3), (None, 36, 48, 3))


def test_frozen_anchor_is_not_trainable() -> None:
    network = to_keras(NETWORKS["XCAT"], random_weights(NETWORKS["XCAT"], seed=0))
    assert sum(int(np.prod(w.shape)) for w in network.trainable_weights) == 16_023
    assert sum(int(np.prod(w.shape)) for w in network.non_trainable_weights) == 3 * 27


STRANGER = """
import sys
from pathlib import Path

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "nas":
            raise ImportError("nas is not installed here")

sys.meta_path.insert(0, Refuse())
try:
    import nas
except ImportError as error:
    assert str(error) == "nas is not installed here"
else:
    raise SystemExit("nas could be imported")

import keras, numpy

for path in sorted(Path(sys.argv[1]).glob("*.keras")):
    network = keras.saving.load_model(path, safe_mode=True)
    numpy.save(path.with_suffix(".npy"), network(numpy.load(sys.argv[2])))
"""


# Keras saves TensorFlow variables by np.array(), which numpy 2 finds old-fashioned.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")
def test_saved_network_opens_in_safe_mode_where_nas_cannot_be_imported(tmp_path: Path) -> None:
    x = images()
    np.save(tmp_path / "images.input.npy", x)
    saved = {**NETWORKS, **{f"op-{i}": graph for i, graph in enumerate(OPS_ALONE.values())}}
    weights = {name: random_weights(graph, seed=6) for name, graph in saved.items()}
    for name, graph in saved.items():
        to_keras(graph, weights[name]).save(tmp_path / f"{name}.keras")
    subprocess.run(
        [sys.executable, "-I", "-c", STRANGER, str(tmp_path), str(tmp_path / "images.input.npy")],
        check=True,
        cwd=tmp_path,
        env={"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    for name, graph in saved.items():
        expected = torch_output(graph, weights[name], x)
        assert_near(np.load(tmp_path / f"{name}.npy"), expected)
