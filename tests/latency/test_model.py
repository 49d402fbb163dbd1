"""Predictions: inside their interval, the sum of what ops take, refused where none was measured."""

import json
import math
import random
import subprocess
import sys
from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from nas.errors import DeviceError, UnknownOpError
from nas.graph import Conv2d, DepthToSpace, Graph, GraphBuilder
from nas.latency.coverage import THIN_GRAPHS, UncoveredOpError, op_kinds, thin_share
from nas.latency.devices import load_device
from nas.latency.model import SCHEMA, LatencyModel
from nas.space import load_space
from nas.zoo import zoo_entry
from tests.latency.boards import WHOLE, evidence_of, plain
from tests.strategies import picks

MODELS = {name: load_device(name).model for name in WHOLE}
VS680 = MODELS["synaptics-vs680"]
HXNET = load_space("hxnet")
models = st.sampled_from(WHOLE).map(MODELS.__getitem__)
networks = picks(HXNET).map(HXNET.graph)


def structural(model: LatencyModel) -> LatencyModel:
    """The model as if it had missed no fitted row."""
    return replace(model, misses=(0.0,) * len(model.misses))


def covering(model: LatencyModel, graph: Graph) -> LatencyModel:
    """The model as if it had seen every kind of op in `graph` often."""
    often = dict.fromkeys(op_kinds(graph), THIN_GRAPHS)
    return replace(model, covered={**often, **model.covered})


@given(model=models, graph=networks)
def test_a_prediction_lies_inside_its_interval(model: LatencyModel, graph: Graph) -> None:
    found = covering(model, graph).predict(graph)
    assert 0 < found.low_ms <= found.latency_ms <= found.high_ms < math.inf
    assert found.high_ms >= model.smallest_ms
    assert found.low_ms <= model.largest_ms
    assert found.novelty >= 1


@given(model=models, width=st.integers(1, 96), more=st.integers(1, 32), convs=st.integers(1, 12))
def test_more_width_and_more_depth_never_take_less(
    model: LatencyModel, width: int, more: int, convs: int
) -> None:
    asked = covering(structural(model), plain(width, convs))
    latency_ms = asked.predict(plain(width, convs)).latency_ms
    assert asked.predict(plain(width + more, convs)).latency_ms >= latency_ms
    assert asked.predict(plain(width, convs + 1)).latency_ms > latency_ms


@given(model=models, graph=networks)
def test_the_shares_of_the_ops_add_up_to_the_prediction(model: LatencyModel, graph: Graph) -> None:
    asked = covering(model, graph)
    shares = asked.breakdown(graph)
    assert [share.position for share in shares] == list(range(len(graph.nodes)))
    assert tuple(share.kind for share in shares) == op_kinds(graph)
    assert min(share.latency_ms for share in shares) >= 0
    total = sum(share.latency_ms for share in shares)
    assert total == pytest.approx(asked.predict(graph).latency_ms)


def test_a_heavier_op_has_the_larger_share() -> None:
    g = GraphBuilder(channels=3)
    graph = g.graph(g.chain(g.input, Conv2d(8), Conv2d(64), Conv2d(27), DepthToSpace(3)))
    shares = VS680.breakdown(graph)
    assert shares[1].latency_ms < min(shares[2].latency_ms, shares[3].latency_ms)
    assert shares[0].kind == "Input at x1"  # what any inference costs
    assert shares[0].latency_ms > 0


@pytest.mark.parametrize("name", WHOLE)
def test_most_measured_networks_are_predicted_within_their_intervals(name: str) -> None:
    rows = evidence_of(name).rows
    assert rows is not None
    found = [MODELS[name].predict(graph) for graph in rows.graphs]
    inside = [p.low_ms <= ms <= p.high_ms for p, ms in zip(found, rows.times, strict=True)]
    assert sum(inside) >= 0.75 * len(rows)


def test_the_interval_is_wider_far_from_what_was_measured() -> None:
    def relative(graph: Graph) -> float:
        found = VS680.predict(graph)
        return found.high_ms / found.latency_ms

    rows = evidence_of("synaptics-vs680").rows
    assert rows is not None
    far, farther = plain(64, 8), plain(96, 24)  # arithmetic that no row has
    measured = [VS680.predict(graph).novelty for graph in rows.graphs]
    assert max(measured) < VS680.predict(far).novelty <= VS680.predict(farther).novelty
    assert relative(plain(28, 6)) < relative(far) <= relative(farther)


def test_the_interval_reaches_back_to_the_measured_range() -> None:
    tiny, huge = VS680.predict(plain(1, 1)), VS680.predict(plain(96, 40))
    assert tiny.latency_ms < 10
    assert tiny.high_ms == VS680.smallest_ms == 15.0
    assert huge.latency_ms > 200
    assert huge.low_ms == VS680.largest_ms == 72.4


def test_bytes_of_thin_ops_widen_the_interval() -> None:
    graph = zoo_entry("XCAT").build()
    well_known = dict.fromkeys(VS680.covered, THIN_GRAPHS)
    thin = thin_share(graph, graph.shapes(4, 4), VS680.covered)
    assert thin == 56 / 358  # the slices, of all written bytes
    found, known = VS680.predict(graph), replace(VS680, covered=well_known).predict(graph)
    assert found.latency_ms == known.latency_ms
    assert found.novelty == pytest.approx(known.novelty * (1 + thin))
    assert found.high_ms / found.latency_ms == pytest.approx(
        math.exp(VS680.log_half_width * found.novelty)
    )


@pytest.mark.parametrize("ask", [LatencyModel.predict, LatencyModel.breakdown])
def test_a_kind_that_nobody_measured_is_refused_with_the_way_out(ask: Any) -> None:
    g = GraphBuilder(channels=3)
    graph = g.graph(g.chain(g.input, Conv2d(27, kernel=7), DepthToSpace(3)))
    with pytest.raises(UncoveredOpError) as caught:
        ask(VS680, graph)
    assert isinstance(caught.value, DeviceError)
    assert isinstance(caught.value, UnknownOpError)
    assert str(caught.value) == (
        "the latency model of synaptics-vs680 never saw Conv2d(kernel=7) at x1, node 1 of "
        f"{graph.digest} (seen: Add at x1, Clip at over x1, Clip at x1, Concat at x1, "
        "Conv2d(kernel=1) at x1, Conv2d(kernel=3) at x1, Conv2d(kernel=5) at x1, "
        "DepthToSpace at over x1, Input at x1, NearestConv2d at x1, Relu at x1, Repeat at x1, "
        "Slice at x1) "
        "(measure it with `nas latency calibrate --device synaptics-vs680 --backend csv`)"
    )


@pytest.mark.parametrize("name", WHOLE)
def test_a_model_survives_json(name: str) -> None:
    model = MODELS[name]
    copy = LatencyModel.from_json(model.to_json())
    assert copy == model
    graph = HXNET.graph(HXNET.sample(random.Random(0)))
    asked = [covering(m, graph).predict(graph) for m in (model, copy)]
    assert asked[0] == asked[1]
    shipped = (load_device(name).folder / "model.json").read_text(encoding="utf-8")
    assert model.to_json() == shipped


def edited(**changes: object) -> str:
    return json.dumps(json.loads(VS680.to_json()) | changes)


WRONG = [  # text of a model.json, what is said of it
    ("{}", f"schema 1, and this version reads {SCHEMA}"),
    (edited(schema=SCHEMA + 1), f"schema {SCHEMA + 1}, and this version reads {SCHEMA}"),
    ("{", r"Expecting property name .*: line 1 column 2 \(char 1\)"),
    ("[]", ".*"),
    (f'{{"schema": {SCHEMA}}}', "'form'"),
    (edited(colour="red"), r".*unexpected keyword argument 'colour'"),
    (edited(places=3), ".*'int' object is not iterable"),
]


@pytest.mark.parametrize(("text", "complaint"), WRONG, ids=range(len(WRONG)))
def test_a_wrong_model_file_is_named(text: str, complaint: str) -> None:
    hint = r" \(make it again with `nas latency validate`\)"
    with pytest.raises(DeviceError, match=f"^here.json: {complaint}{hint}$"):
        LatencyModel.from_json(text, where="here.json")


@pytest.mark.parametrize(
    "wrong",
    [
        {"launches": -1.0},
        {**VS680.coefficients, "launches": -1e-9},
        {**VS680.coefficients, "warmth": 1.0},
        {name: value for name, value in VS680.coefficients.items() if name != "launches"},
        {},
    ],
)
def test_negative_coefficients_and_unknown_terms_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(DeviceError) as caught:
        replace(VS680, coefficients=wrong)
    assert str(caught.value) == (
        "model of synaptics-vs680: unknown terms or negative coefficients among "
        f"{', '.join(wrong)} (run `nas latency validate synaptics-vs680`)"
    )


def test_predicting_imports_no_heavy_library() -> None:
    code = (
        "import sys; from nas.graph import parse_text;"
        "from nas.latency.devices import load_device;"
        "graph = parse_text('0 input(3); 1 conv(27); 2 clip(); 3 depth_to_space(3)');"
        "print(load_device('synaptics-vs680').model.predict(graph).latency_ms > 0);"
        "print(sorted({'pandas', 'scipy', 'tensorflow', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n[]\n"
