"""Traits of networks whose sizes a reader can count."""

import math

import pytest

from nas.graph import Add, Clip, Concat, Conv2d, DepthToSpace, Graph, GraphBuilder, NearestConv2d
from nas.readers.traits import TRAIT_NAMES, read_traits
from nas.zoo import mobile_x3_names, zoo_graph


def traits(graph: Graph) -> dict[str, float]:
    return dict(zip(TRAIT_NAMES, read_traits(graph), strict=True))


def small(*, anchored: str = "") -> Graph:
    """3 -> 8 (3x3) -> 16 (1x1) -> 27 (3x3), x3."""
    g = GraphBuilder(channels=3)
    x = g.append(Conv2d(8, activation="relu"), g.input)
    x = g.append(Conv2d(16, kernel=1, activation="relu"), x)
    image = g.append(NearestConv2d(3), g.input) if anchored else g.input
    if anchored == "concat":
        x = g.append(Concat(), x, image)
    x = g.append(Conv2d(27), x)
    if anchored == "add":
        x = g.append(Add(), x, image)
    return g.graph(g.chain(x, Clip(), DepthToSpace(3)))


def test_sizes_are_counted() -> None:
    """Weights: 8*27+8, 16*8+16, 27*144+27 = 224, 144, 3915; of MACs those without biases."""
    found = traits(small())
    assert found["parameters"] == pytest.approx(math.log2(1 + 224 + 144 + 3915))
    assert found["macs"] == pytest.approx(math.log2(1 + 216 + 128 + 3888))
    assert found["depth"] == pytest.approx(math.log2(1 + 3))
    assert found["narrowest"] == 3, "8 channels enter the second convolution"
    assert found["width"] == pytest.approx((3 + 4) / 2)
    assert found["last_width"] == 4
    assert found["pointwise"] == pytest.approx(1 / 3)
    assert found["concats"] == found["adds_image"] == found["concats_image"] == 0


@pytest.mark.parametrize("how", ["add", "concat"])
def test_the_image_that_joins_is_seen(how: str) -> None:
    found = traits(small(anchored=how))
    assert (found["adds_image"], found["concats_image"]) == (how == "add", how == "concat")


def test_every_published_network_has_finite_traits() -> None:
    for name in mobile_x3_names():
        assert all(map(math.isfinite, read_traits(zoo_graph(name)))), name
