"""Published networks are trained once, then kept."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nas.errors import UsageError
from nas.evaluate import load_upscaler
from nas.graph import Conv2d, DepthToSpace, Graph, GraphBuilder, Op, Tanh
from nas.search import on_the_spot
from nas.search.on_the_spot import CHUNKS, OnTheSpot
from tests.networks import smooth_images


@pytest.fixture(autouse=True)
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two steps a chunk, and a cache of one's own."""
    effort = on_the_spot.SEARCH
    stages = tuple(replace(stage, steps=2 * CHUNKS) for stage in effort.recipe.stages)
    recipe = replace(effort.recipe, stages=stages)
    monkeypatch.setattr(on_the_spot, "SEARCH", replace(effort, recipe=recipe))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def graph_of(*last: Op, width: int = 4, form: str = "plain") -> Graph:
    g = GraphBuilder()
    x = g.chain(g.input, Conv2d(width, activation="relu", form=form), Conv2d(27), DepthToSpace(3))
    return g.graph(g.chain(x, *last))


def test_a_network_is_trained_once(tmp_path: Path) -> None:
    spot = OnTheSpot("small", graph_of())
    assert not spot.is_there
    assert list(spot.train()) == [2 * chunk for chunk in range(1, CHUNKS + 1)]
    again = OnTheSpot("small", graph_of())
    assert again.is_there
    assert again.folder == spot.folder
    assert spot.folder.parent == tmp_path / "cache" / "nas" / "networks"
    assert [path.name for path in spot.folder.parent.iterdir()] == [spot.folder.name]


@pytest.mark.parametrize("form", ["plain", "repvgg"])
def test_the_file_is_the_network_in_int8(form: str) -> None:
    spot = OnTheSpot("small", graph_of(form=form))
    assert list(spot.train())
    image = smooth_images(1, 20, 30)[0]
    by_file = load_upscaler(spot.folder / "model.tflite")(image).astype(int)
    error = np.abs(by_file - load_upscaler(spot.folder)(image))
    assert 0 < error.mean() < 4


def test_what_int8_cannot_run_is_kept_in_float_only() -> None:
    spot = OnTheSpot("small", graph_of(Tanh()))
    assert list(spot.train())
    assert sorted(path.name for path in spot.folder.iterdir()) == [
        *("graph.txt", "weights.safetensors"),
    ]


def test_all_that_decides_the_weights_is_in_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {OnTheSpot("a", graph).folder.name for graph in (graph_of(), graph_of(width=5))}
    monkeypatch.setattr(on_the_spot, "source_digest", lambda: "99")
    names.add(OnTheSpot("a", graph_of()).folder.name)
    monkeypatch.setattr(on_the_spot, "_SEED", 1)
    names.add(OnTheSpot("a", graph_of()).folder.name)
    assert len(names) == 4


def test_a_training_that_stops_leaves_nothing(tmp_path: Path) -> None:
    training = OnTheSpot("a", graph_of()).train()
    next(training)
    with pytest.raises(KeyboardInterrupt):
        training.throw(KeyboardInterrupt)
    assert not list((tmp_path / "cache" / "nas").rglob("*a-*"))


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache" / "nas").mkdir(parents=True)
    (tmp_path / "cache" / "nas" / "networks").write_text("in the way")
    with pytest.raises(UsageError, match=r"cannot be written: .*set XDG_CACHE_HOME"):
        next(OnTheSpot("a", graph_of()).train())
