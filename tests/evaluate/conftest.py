"""Small networks as real files, made once."""

import warnings
from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest

from nas.graph import (
    Add,
    Clip,
    Conv2d,
    DepthToSpace,
    Graph,
    GraphBuilder,
    Repeat,
    ResizeNearest,
    SpaceToDepth,
)
from nas.quantize.calibration import calibrate
from nas.quantize.convert import to_tflite
from nas.quantize.stored import store
from nas.readers.to_keras import to_keras
from nas.readers.to_torch import image_tensor
from nas.readers.weights import Array
from tests.networks import sensible_weights, smooth_images

HEIGHT, WIDTH = 24, 32  # of the files' inputs
KINDS = ("plain", "resized", "halved")


@cache
def graph_of(kind: str) -> Graph:
    """`plain` can be resized, `resized` cannot, `halved` works at half the resolution."""
    g = GraphBuilder()
    if kind == "plain":
        x = g.chain(g.input, Conv2d(8, activation="relu"), Conv2d(27, kernel=5))
        x = g.chain(g.append(Add(), x, g.append(Repeat(9), g.input)), DepthToSpace(3))
    elif kind == "resized":
        x = g.chain(g.input, Conv2d(8, activation="relu"), ResizeNearest(3), Conv2d(3))
    else:
        x = g.chain(g.input, SpaceToDepth(2), Conv2d(16, activation="relu"), Conv2d(108))
        x = g.append(DepthToSpace(6), x)
    return g.graph(g.append(Clip(), x))


@cache
def weights_of(kind: str) -> dict[str, Array]:
    return sensible_weights(graph_of(kind))


@cache
def file_of(kind: str, height: int = HEIGHT, width: int = WIDTH) -> bytes:
    graph, weights = graph_of(kind), weights_of(kind)
    grid = calibrate(graph, weights, image_tensor(smooth_images(2, 24, 24)))
    return to_tflite(graph, weights, grid, height=height, width=width)


def photograph(height: int, width: int) -> np.ndarray:
    return smooth_images(1, height, width, seed=5)[0]


def save_keras(network: keras.Model, file: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # keras.save on numpy 2
        network.save(file)
    return file


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The folder of the network `plain`, with its files."""
    folder = tmp_path / "package"
    folder.mkdir()
    store(folder, graph_of("plain"), weights_of("plain"))
    (folder / "model.tflite").write_bytes(file_of("plain"))
    save_keras(to_keras(graph_of("plain"), weights_of("plain")), folder / "model.keras")
    return folder
