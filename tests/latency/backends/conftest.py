"""A tiny network and its file, which all back-ends time."""

from pathlib import Path

import pytest

from nas.graph import Conv2d, DepthToSpace, Graph, GraphBuilder
from nas.latency.backends.files import measurable_file


@pytest.fixture(scope="session")
def graph() -> Graph:
    g = GraphBuilder(channels=3)
    return g.graph(g.chain(g.input, Conv2d(8, activation="relu"), Conv2d(27), DepthToSpace(3)))


@pytest.fixture(scope="session")
def file(graph: Graph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return measurable_file(graph, height=24, width=32, folder=tmp_path_factory.mktemp("files"))
