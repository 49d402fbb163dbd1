"""Which convolution writes the pixels."""

import pytest

from nas.graph import (
    Add,
    Clip,
    Conv2d,
    DepthToSpace,
    Graph,
    GraphBuilder,
    Input,
    NearestConv2d,
    Op,
    Repeat,
    ResizeNearest,
)
from nas.graph.blocks import anchor
from nas.readers.readout import Readout, find_readout
from nas.zoo import ENTRIES, zoo_entry


def chain(*ops: Op) -> Graph:
    g = GraphBuilder(channels=3)
    return g.graph(g.chain(g.input, *ops))


@pytest.mark.parametrize(
    ("name", "features", "added"),
    [
        ("XLSR", 27, None),
        ("XCAT", 27, NearestConv2d(3)),
        ("XCAT-M", 27, None),
        ("ABPN", 27, Repeat(9)),
        ("DoubleZ", 27, Conv2d(27)),  # an anchor that is trained
        ("RepGSR", 27, None),
    ],
)
def test_readout_of_published_networks(name: str, features: int, added: Op | None) -> None:
    graph = zoo_entry(name).build()
    readout = find_readout(graph)
    assert readout is not None
    op = graph.nodes[readout.conv].op
    assert isinstance(op, Conv2d)
    assert (op.features, op.activation) == (features, "none")
    assert (None if readout.added is None else graph.nodes[readout.added].op) == added


def test_every_published_network_but_four_ends_in_a_linear_conv() -> None:
    assert {name for name in ENTRIES if find_readout(ENTRIES[name].build()) is None} == {
        *("EMSRNet-literal5", "PureConvSR"),  # rectified
        *("FSRCNN-RGBx3", "FQSR-SRGAN-D"),  # a transposed convolution; a sigmoid
    }


@pytest.mark.parametrize("width", range(4, 16))  # it decides which summand stands first
def test_of_two_convs_the_readout_is_the_one_that_does_not_read_the_image(width: int) -> None:
    g = GraphBuilder(channels=3)
    image = anchor(g, "conv", scale=2)
    trunk = g.chain(g.input, Conv2d(width, activation="relu"), Conv2d(12))
    added = g.append(Add(), trunk, image)
    graph = g.graph(g.append(DepthToSpace(2), added))
    readout = find_readout(graph)
    assert readout is not None
    assert readout.added is not None
    assert isinstance(graph.nodes[graph.nodes[readout.added].inputs[0]].op, Input)
    assert graph.nodes[graph.nodes[readout.conv].inputs[0]].op == Conv2d(width, activation="relu")


@pytest.mark.parametrize(
    ("ops", "found"),
    [
        ([Conv2d(12), DepthToSpace(2), Clip()], Readout(conv=1, added=None, block=2)),
        ([Conv2d(8), Conv2d(12), Clip(), DepthToSpace(2)], Readout(conv=2, added=None, block=2)),
        ([Conv2d(12, activation="relu"), DepthToSpace(2)], None),
        ([Conv2d(12, groups=3), DepthToSpace(2)], None),
        ([Conv2d(3), Repeat(4), DepthToSpace(2)], None),
    ],
    ids=["clip last", "clip first", "relu", "groups", "copies"],
)
def test_only_a_linear_ungrouped_conv_at_the_end_is_a_readout(
    ops: list[Op], found: Readout | None
) -> None:
    assert find_readout(chain(*ops)) == found


def test_conv_that_something_else_reads_too_is_no_readout() -> None:
    g = GraphBuilder(channels=3)
    x = g.append(Conv2d(12), g.input)
    added = g.append(Add(), x, g.append(Conv2d(12, activation="relu"), x))
    assert find_readout(g.graph(g.append(DepthToSpace(2), added))) is None


def test_readout_may_lie_before_a_shuffle_before_the_sum() -> None:
    g = GraphBuilder(channels=3)
    image = g.append(ResizeNearest(3), g.input)
    trunk = g.chain(g.input, Conv2d(8, activation="relu"), Conv2d(27), DepthToSpace(3))
    graph = g.graph(g.append(Clip(), g.append(Add(), image, trunk)))
    readout = find_readout(graph)
    assert readout is not None
    assert (readout.block, readout.shuffled) == (3, True)
    assert readout.added is not None
    assert graph.nodes[readout.conv].op == Conv2d(27)
    assert graph.nodes[readout.added].op == ResizeNearest(3)
