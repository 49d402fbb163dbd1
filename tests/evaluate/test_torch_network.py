"""Trained networks in float, whole and in tiles."""

import numpy as np
import pytest
import torch

from nas.errors import UsageError
from nas.evaluate.tiles import pad_to
from nas.evaluate.torch_network import float_upscaler
from nas.graph import Conv2d, DepthToSpace, Graph, GraphBuilder
from nas.readers.cost import peak_memory_bytes
from nas.readers.to_torch import image_tensor, in_uint8, to_torch
from nas.readers.weights import random_weights
from tests.evaluate.conftest import KINDS, graph_of, photograph, weights_of


def by_torch(kind: str, image: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        made = to_torch(graph_of(kind), weights_of(kind))(image_tensor(image[None].copy()))
    return in_uint8(made)[0]


@pytest.mark.parametrize("kind", KINDS)
def test_the_network_runs_as_it_was_trained(kind: str) -> None:
    image = photograph(30, 44)
    upscale = float_upscaler(graph_of(kind), weights_of(kind), name="a")
    assert (upscale.name, upscale.scale, upscale.how) == ("a", 3, "float by torch")
    np.testing.assert_array_equal(upscale(image), by_torch(kind, image))


@pytest.mark.parametrize("kind", KINDS)
def test_large_images_are_cut_without_a_seam(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, image = graph_of(kind), photograph(131, 171)
    areas = []
    monkeypatch.setattr(
        "nas.evaluate.torch_network.image_tensor",
        lambda images: areas.append(images[0, ..., 0].size) or image_tensor(images),
    )
    most_bytes = 4 * peak_memory_bytes(graph, 90, 90)
    made = float_upscaler(graph, weights_of(kind), name="a", most_bytes=most_bytes)(image)
    assert len(areas) > 1
    assert max(areas) <= 92**2
    whole = by_torch(kind, pad_to(image, 132, 172) if kind == "halved" else image)
    np.testing.assert_array_equal(made, whole[: 3 * 131, : 3 * 171])


def test_a_long_image_is_cut_along_its_length_only() -> None:
    image = photograph(20, 800)
    most_bytes = 4 * peak_memory_bytes(graph_of("plain"), 90, 90) // 2
    upscale = float_upscaler(
        graph_of("plain"), weights_of("plain"), name="a", most_bytes=most_bytes
    )
    assert upscale.tiling_of(20, 800).height == 20
    assert upscale.tiling_of(20, 800).count(20, 800) > 1
    np.testing.assert_array_equal(upscale(image), by_torch("plain", image))


def test_an_odd_image_in_a_network_of_half_resolution_is_continued() -> None:
    image = photograph(33, 41)
    continued = np.pad(image, ((0, 1), (0, 1), (0, 0)), mode="reflect")
    made = float_upscaler(graph_of("halved"), weights_of("halved"), name="a")(image)
    np.testing.assert_array_equal(made, by_torch("halved", continued)[: 3 * 33, : 3 * 41])


def test_images_that_may_not_be_written_are_read() -> None:
    image = photograph(30, 44)
    image.flags.writeable = False  # as those mapped from disk
    upscale = float_upscaler(graph_of("plain"), weights_of("plain"), name="a")
    np.testing.assert_array_equal(upscale(image), by_torch("plain", image))


def chain(*ops: object, channels: int = 3) -> Graph:
    g = GraphBuilder(channels)
    g.chain(g.input, *ops)  # type: ignore[arg-type]
    return g.graph()


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (chain(Conv2d(9), DepthToSpace(3), channels=1), "a makes 144x144x1 of 48x48x1"),
        (chain(Conv2d(3)), "a makes 48x48x3 of 48x48x3"),
        (chain(Conv2d(8), DepthToSpace(2)), "a makes 96x96x2 of 48x48x3"),
    ],
)
def test_what_is_no_upscaler_is_refused(graph: Graph, message: str) -> None:
    with pytest.raises(UsageError, match=f"^{message} \\(give a network that upscales"):
        float_upscaler(graph, random_weights(graph, 0), name="a")
