"""Predictions: sane, fast to import, refused where nothing was measured."""

import random
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.errors import DeviceError, UnknownOpError
from nas.graph import Add, Clip, Concat, Conv2d, DepthToSpace, Graph, GraphBuilder
from nas.graph.blocks import hx_block
from nas.latency.coverage import THIN_GRAPHS, count_kinds, op_kind, thin_share
from nas.latency.devices import device_names, load_device
from nas.latency.model import LatencyModel
from nas.space import load_space
from nas.zoo import zoo_entry

VS680 = load_device("synaptics-vs680").model


def plain(width: int, convs: int) -> Graph:
    g = GraphBuilder(channels=3)
    body = [Conv2d(width, activation="relu") for _ in range(convs)]
    return g.graph(g.chain(g.input, *body, Conv2d(27), Clip(), DepthToSpace(3)))


@settings(deadline=None, max_examples=50)
@given(
    device=st.sampled_from(device_names()),
    width=st.integers(1, 96),
    more=st.integers(1, 32),
    convs=st.integers(1, 12),
)
def test_more_width_and_more_depth_never_take_less(
    device: str, width: int, more: int, convs: int
) -> None:
    model = load_device(device).model
    latency_ms = model.predict(plain(width, convs)).latency_ms
    assert model.predict(plain(width + more, convs)).latency_ms >= latency_ms
    assert model.predict(plain(width, convs + 1)).latency_ms > latency_ms


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 10**6))
def test_a_prediction_lies_inside_its_interval_and_above_the_floor(seed: int) -> None:
    space = load_space("hxnet")
    graph = space.graph(space.sample(random.Random(seed)))
    found = VS680.predict(graph)
    launches = len(graph.nodes) - 1
    floor = VS680.coefficients["inferences"] + launches * VS680.coefficients["launches"]
    assert floor < found.latency_ms
    assert found.low_ms < found.high_ms
    assert found.low_ms <= min(found.latency_ms, VS680.largest_ms)
    assert found.high_ms >= max(found.latency_ms, VS680.smallest_ms)


def test_each_block_of_slices_costs_time() -> None:
    def network(blocks: int) -> Graph:
        g = GraphBuilder(channels=3)
        x = g.append(Conv2d(28, activation="relu"), g.input)
        for _ in range(blocks):
            x = hx_block(g, x, split=(21, 7), kernels=(1, 3), mix="cross")
        return g.graph(g.chain(x, Conv2d(27), Clip(), DepthToSpace(3)))

    times = [VS680.predict(network(blocks)).latency_ms for blocks in (2, 12)]
    assert (times[1] - times[0]) / 10 > 5 * VS680.coefficients["launches"] + 1.0


def test_the_interval_is_wider_far_from_the_fitted_rows() -> None:
    def relative(graph: Graph) -> float:
        found = VS680.predict(graph)
        return found.high_ms / found.latency_ms - 1

    # 12 wide convs hold arithmetic that no row has.
    assert relative(plain(96, 12)) > 2 * relative(plain(28, 6))


def test_the_interval_reaches_back_to_the_measured_range() -> None:
    tiny, huge = VS680.predict(plain(1, 1)), VS680.predict(plain(96, 24))
    assert tiny.latency_ms < 9
    assert tiny.high_ms == VS680.smallest_ms == 15.0
    assert huge.latency_ms > 200
    assert huge.low_ms == VS680.largest_ms == 72.4


def test_thin_ops_widen_the_interval() -> None:
    graph = zoo_entry("XCAT").build()
    well_known = dict.fromkeys(VS680.covered, THIN_GRAPHS)
    thin = thin_share(graph, graph.shapes(4, 4), VS680.covered)
    assert thin == 56 / 358  # the slices, of all written bytes
    assert VS680.predict(graph).high_ms > replace(VS680, covered=well_known).predict(graph).high_ms


def test_an_unseen_op_is_refused_with_the_way_out() -> None:
    graph = zoo_entry("ABPN").build()
    with pytest.raises(DeviceError) as caught:
        load_device("mali-g71-mp2").model.predict(graph)
    assert isinstance(caught.value, UnknownOpError)
    place = next(i for i, n in enumerate(graph.nodes) if type(n.op).__name__ == "Repeat")
    assert str(caught.value) == (
        f"the latency model of mali-g71-mp2 never saw Repeat, node {place} of {graph.digest} "
        "(seen: Add, Clip, Concat, Conv2d(kernel=1), Conv2d(kernel=3), DepthToSpace, Input, "
        "NearestConv2d, Slice) "
        "(leave it out, or add a measured network with it to latency_models/mali-g71-mp2/"
        "measurements.csv, then `nas latency fit mali-g71-mp2`)"
    )


def test_an_unseen_kernel_is_refused() -> None:
    g = GraphBuilder(channels=3)
    graph = g.graph(g.chain(g.input, Conv2d(27, kernel=7), DepthToSpace(3)))
    with pytest.raises(DeviceError, match=r"never saw Conv2d\(kernel=7\), node 1"):
        VS680.predict(graph)


def test_kinds_are_counted_once_a_graph() -> None:
    counts = count_kinds([plain(4, 3), plain(4, 2)])
    assert counts == {"Clip": 2, "Conv2d(kernel=3)": 2, "DepthToSpace": 2, "Input": 2}
    assert [op_kind(op) for op in (Add(), Concat(), Conv2d(4, groups=2))] == [
        "Add",
        "Concat",
        "Conv2d(kernel=3, groups>1)",
    ]


@pytest.mark.parametrize("name", device_names())
def test_a_model_survives_json(name: str) -> None:
    model = load_device(name).model
    assert LatencyModel.from_json(model.to_json()) == model


def test_a_broken_model_file_is_named() -> None:
    with pytest.raises(DeviceError) as caught:
        LatencyModel.from_json("{}", where="here.json")
    assert str(caught.value) == "here.json: 'gram_inverse' (refit with `nas latency fit`)"


def test_a_negative_coefficient_is_refused() -> None:
    with pytest.raises(DeviceError) as caught:
        replace(VS680, coefficients={"launches": -1.0})
    assert str(caught.value) == (
        "model of synaptics-vs680: unknown feature or negative coefficient in launches"
        " (run `nas latency fit synaptics-vs680`)"
    )


def test_predicting_imports_no_heavy_library() -> None:
    code = (
        "import sys; from nas.latency.devices import load_device; "
        "load_device('synaptics-vs680').model; "
        "print(sorted({'numpy', 'scipy', 'pandas', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
