"""A finalist's folder and its whole package, made once of a small network that was not trained."""

import json
import shutil
import warnings
from pathlib import Path

import pytest
import torch

from nas.export.card import Facts
from nas.export.layout import DEPLOYED
from nas.export.package import write_package
from nas.export.ship import ship
from nas.export.wishes import Wishes
from nas.graph import Add, Clip, Conv2d, DepthToSpace, Graph, GraphBuilder, Repeat
from nas.quantize.refit import quantize
from nas.quantize.stored import load_stored, store
from tests.networks import sensible_weights

SIZE = (32, 48)


def small_graph(width: int = 8) -> Graph:
    g = GraphBuilder()
    x = g.chain(g.input, Conv2d(width, activation="relu"), Conv2d(width, groups=2), Conv2d(27))
    x = g.append(Add(), x, g.append(Repeat(9), g.input))
    return g.graph(g.chain(x, Clip(), DepthToSpace(3)))


def facts_of(source: Path) -> Facts:
    result = json.loads((source / "result.json").read_text())
    return Facts("run", result, data="bundled", valid=None, device="synaptics-vs680", seed=5)


def make_finalist(folder: Path, graph: Graph, *, seed: int = 0) -> Path:
    weights = sensible_weights(graph, seed=seed)
    images = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(seed))
    deployed, grid = quantize(graph, weights, images)
    folder.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # keras.save on numpy 2
        write_package(graph, weights, (deployed, grid), folder, input_size=SIZE)
    (folder / DEPLOYED).mkdir()
    store(folder / DEPLOYED, graph, deployed, grid)
    result = {"trial": 7, "digest": graph.digest, "zoo": "", "psnr_litert_int8_db": 30.125}
    result |= {"latency_ms": 12.5, "latency_low_ms": 10.0, "latency_high_ms": 15.0, "steps": 3000}
    (folder / "result.json").write_text(json.dumps(result))
    return folder


def make_package(source: Path, folder: Path, wishes: Wishes) -> list[str]:
    """Returns what was noted."""
    notes: list[str] = []
    folder.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of TensorFlow's export
        ship(
            source,
            folder,
            facts=facts_of(source),
            wishes=wishes,
            deployed=lambda: load_stored(source / DEPLOYED),
            note=notes.append,
        )
    return notes


@pytest.fixture(scope="session")
def finalist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_finalist(tmp_path_factory.mktemp("run") / "7", small_graph())


@pytest.fixture(scope="session")
def whole(finalist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package that no test writes to."""
    folder = tmp_path_factory.mktemp("packages") / "whole"
    make_package(finalist, folder, Wishes(size=SIZE, onnx="nhwc"))
    return folder


@pytest.fixture
def package(whole: Path, tmp_path: Path) -> Path:
    """A copy for a test to break."""
    return shutil.copytree(whole, tmp_path / "package")
