"""What counts as one kind of op, and how a network with another is refused."""

import pytest
from hypothesis import given, settings

from nas.errors import DeviceError, UnknownOpError
from nas.graph import (
    Add,
    Clip,
    Conv2d,
    DepthToSpace,
    GlobalAveragePool,
    Graph,
    GraphBuilder,
    Multiply,
    NearestConv2d,
    Op,
    Relu,
    Repeat,
    ResizeNearest,
    SpaceToDepth,
    TransposedConv2d,
)
from nas.latency.coverage import (
    THIN_GRAPHS,
    UncoveredOpError,
    check_covered,
    count_kinds,
    op_kinds,
    thin_share,
)
from nas.latency.devices import load_device
from nas.latency.records import load_records
from nas.zoo import zoo_entry
from tests.strategies import graphs


def chain(*ops: Op, channels: int = 3) -> Graph:
    g = GraphBuilder(channels)
    return g.graph(g.chain(g.input, *ops))


HALF = Conv2d(8, stride=2)
KINDS = [  # ops, one after the other; the kind of the last
    ([Conv2d(4)], "Conv2d(kernel=3) at x1"),
    ([Conv2d(4, kernel=1, activation="relu", bias=False)], "Conv2d(kernel=1) at x1"),
    ([Conv2d(4, form="ecb")], "Conv2d(kernel=3) at x1"),  # deploys as a plain one
    ([Conv2d(8), Conv2d(8, groups=2)], "Conv2d(kernel=3, groups>1) at x1"),
    ([Conv2d(8), Conv2d(8, groups=8)], "Conv2d(kernel=3, depthwise) at x1"),
    ([Conv2d(8), Conv2d(16, groups=8)], "Conv2d(kernel=3, depthwise) at x1"),
    ([Conv2d(3, groups=1)], "Conv2d(kernel=3) at x1"),
    ([HALF], "Conv2d(kernel=3, stride=2) at x1 to under x1"),
    ([HALF, Conv2d(4)], "Conv2d(kernel=3) at under x1"),
    ([HALF, HALF], "Conv2d(kernel=3, stride=2) at under x1 to under x1"),
    (
        [HALF, Conv2d(8, kernel=5, groups=8, stride=2)],
        "Conv2d(kernel=5, depthwise, stride=2) at under x1 to under x1",
    ),
    ([ResizeNearest(3), HALF], "Conv2d(kernel=3, stride=2) at over x1 to over x1"),
    ([TransposedConv2d(3, 9, 3)], "TransposedConv2d(kernel=9, stride=3) at x1 to over x1"),
    ([TransposedConv2d(3, 3, 1)], "TransposedConv2d(kernel=3) at x1"),
    ([Clip()], "Clip at x1"),
    ([Conv2d(27), DepthToSpace(3), Clip()], "Clip at over x1"),
    ([Conv2d(27), DepthToSpace(3)], "DepthToSpace at over x1"),
    ([SpaceToDepth(3)], "SpaceToDepth at under x1"),
    ([ResizeNearest(2)], "ResizeNearest at over x1"),
    ([ResizeNearest(4)], "ResizeNearest at over x1"),  # how far over decides no kernel
    ([ResizeNearest(3), SpaceToDepth(3), Relu()], "Relu at x1"),
    ([Repeat(9)], "Repeat at x1"),
    ([NearestConv2d(3)], "NearestConv2d at x1"),
    ([GlobalAveragePool()], "GlobalAveragePool at one pixel"),
    ([GlobalAveragePool(), Conv2d(3, kernel=1)], "Conv2d(kernel=1) at one pixel"),
    ([*[HALF] * 8, Relu()], "Relu at under x1"),  # two pixels of 360 are not one
]


@pytest.mark.parametrize(("ops", "kind"), KINDS, ids=[kind for _, kind in KINDS])
def test_a_kind_is_what_a_device_has_a_kernel_for(ops: list[Op], kind: str) -> None:
    assert op_kinds(chain(*ops))[-1] == kind


def test_an_op_of_two_inputs_works_at_the_resolution_of_its_output() -> None:
    g = GraphBuilder(channels=3)
    graph = g.graph(g.append(Multiply(), g.input, g.append(GlobalAveragePool(), g.input)))
    assert op_kinds(graph) == ("Input at x1", "GlobalAveragePool at one pixel", "Multiply at x1")


@settings(deadline=None)
@given(graph=graphs())
def test_every_network_has_a_kind_for_each_node_and_covers_itself(graph: Graph) -> None:
    counts = count_kinds([graph])
    assert len(op_kinds(graph)) == len(graph.nodes)
    assert set(counts.values()) == {1}
    check_covered(graph, counts, device="toaster")


def test_kinds_are_counted_once_a_graph() -> None:
    tail = (Conv2d(27), Clip(), DepthToSpace(3))
    assert count_kinds([chain(Conv2d(4), *tail), chain(*tail)]) == {
        "Clip at x1": 2,
        "Conv2d(kernel=3) at x1": 2,
        "DepthToSpace at over x1": 2,
        "Input at x1": 2,
    }


SEEN = count_kinds([chain(Conv2d(27), Clip(), DepthToSpace(3))])
SEEN_TEXT = "seen: Clip at x1, Conv2d(kernel=3) at x1, DepthToSpace at over x1, Input at x1"
UNSEEN = [  # a network, the kind that no row has, its node
    (chain(Conv2d(27, kernel=7), DepthToSpace(3)), "Conv2d(kernel=7) at x1", 1),
    (chain(Conv2d(27), DepthToSpace(3), Clip()), "Clip at over x1", 3),
    (chain(Conv2d(27), ResizeNearest(3)), "ResizeNearest at over x1", 2),
    (chain(Conv2d(27, groups=3), DepthToSpace(3)), "Conv2d(kernel=3, depthwise) at x1", 1),
    (chain(Conv2d(27, stride=2)), "Conv2d(kernel=3, stride=2) at x1 to under x1", 1),
    (chain(Conv2d(27), Relu(), DepthToSpace(3)), "Relu at x1", 2),
]


@pytest.mark.parametrize(("graph", "kind", "node"), UNSEEN)
def test_what_was_never_measured_is_refused_with_the_way_to_measure_it(
    graph: Graph, kind: str, node: int
) -> None:
    with pytest.raises(UncoveredOpError) as caught:
        check_covered(graph, SEEN, device="toaster", hint="toast it")
    assert isinstance(caught.value, DeviceError)
    assert isinstance(caught.value, UnknownOpError)
    assert str(caught.value) == (
        f"the latency model of toaster never saw {kind}, node {node} of {graph.digest} "
        f"({SEEN_TEXT}) (toast it)"
    )


def test_bytes_of_rare_kinds_are_thin() -> None:
    g = GraphBuilder(channels=3)
    x = g.append(Conv2d(4), g.input)
    graph = g.graph(g.append(Add(), x, g.append(Relu(), x)))
    well, thin = THIN_GRAPHS, THIN_GRAPHS - 1
    covered = {"Conv2d(kernel=3) at x1": well, "Relu at x1": thin, "Add at x1": well}
    shapes = graph.shapes(8, 8)
    assert thin_share(graph, shapes, covered) == 1 / 3  # each of the three writes as much
    assert thin_share(graph, shapes, covered | {"Relu at x1": well}) == 0
    assert thin_share(graph, shapes, {}) == 1


def test_the_kinds_of_the_board_are_those_of_its_rows() -> None:
    records = load_records(load_device("synaptics-vs680"), lambda name: zoo_entry(name).build())
    fitted = [r.graph for r in records if r.used_for_fit and r.graph is not None]
    assert sorted(count_kinds(fitted)) == [
        "Add at x1",
        "Clip at over x1",
        "Clip at x1",
        "Concat at x1",
        "Conv2d(kernel=1) at x1",
        "Conv2d(kernel=3) at x1",
        "Conv2d(kernel=5) at x1",
        "DepthToSpace at over x1",
        "Input at x1",
        "NearestConv2d at x1",
        "Relu at x1",
        "Repeat at x1",
        "Slice at x1",
    ]
