"""What an op-level model answers, refuses and writes."""

import json
from dataclasses import replace

import numpy as np
import pytest

from nas.errors import DeviceError
from nas.graph import Conv2d, GraphBuilder, Tanh
from nas.latency.coverage import UncoveredOpError
from nas.latency.model import SCHEMA as WHOLE_SCHEMA
from nas.latency.model import LatencyModel
from nas.latency.models import read_model
from nas.latency.op_fit import fit_op_model
from nas.latency.op_model import OpLatencyModel
from nas.readers.kernels import read_kernels
from tests.latency.boards import BOARD, board_rows
from tests.latency.op_boards import NETWORKS, op_rows, split


@pytest.fixture(scope="module")
def model() -> OpLatencyModel:
    return fit_op_model(BOARD, op_rows())


def test_a_prediction_lies_inside_its_interval(model: OpLatencyModel) -> None:
    for graph in (*NETWORKS, split(40, 6)):
        found = model.predict(graph)
        assert found.low_ms <= found.latency_ms <= found.high_ms
        assert found.novelty >= 1


def test_the_interval_widens_far_from_measured_ops(model: OpLatencyModel) -> None:
    near, far = model.predict(NETWORKS[0]), model.predict(split(200, 3, first=100))
    assert far.novelty > 1.5 * near.novelty


def test_the_shares_of_the_ops_add_up_to_the_prediction(model: OpLatencyModel) -> None:
    graph = split(20, 4)
    shares = model.breakdown(graph)
    assert [share.position for share in shares] == list(range(len(graph.nodes)))
    assert sum(share.latency_ms for share in shares) == pytest.approx(
        model.predict(graph).latency_ms
    )


def test_many_networks_are_estimated_as_one_by_one(model: OpLatencyModel) -> None:
    times, spreads = model.estimate_graphs(NETWORKS)
    assert times == pytest.approx([model.predict(graph).latency_ms for graph in NETWORKS])
    assert np.all(spreads >= 1)
    assert model.estimate_graphs([])[0].shape == (0,)


def test_an_op_of_an_unseen_class_is_free_where_all_of_its_kind_are(model: OpLatencyModel) -> None:
    kernels = read_kernels(split(20, 2), height=360, width=640)
    for kind, free in (("slice", True), ("add", False)):
        kernel = next(kernel for kernel in kernels if kernel.kind == kind)
        assert model.ops.is_free(kernel) == free
        assert model.ops.is_free(replace(kernel, fused=not kernel.fused, copied=5)) == free


@pytest.mark.parametrize("ask", [OpLatencyModel.predict, OpLatencyModel.breakdown])
def test_an_op_that_was_never_measured_is_refused(model: OpLatencyModel, ask: object) -> None:
    g = GraphBuilder(channels=3)
    graph = g.graph(g.chain(g.input, Conv2d(8), Tanh()))
    with pytest.raises(UncoveredOpError) as caught:
        ask(model, graph)  # type: ignore[operator]
    assert str(caught.value).startswith(
        f"the latency model of board never saw Tanh at x1, node 2 of {graph.digest} (seen: Add"
    )
    assert caught.value.hint == BOARD.way_to_measure


def test_a_model_outlives_the_process(model: OpLatencyModel) -> None:
    text = model.to_json()
    copy = read_model(text)
    assert isinstance(copy, OpLatencyModel)
    assert copy == model
    assert copy.to_json() == text
    assert copy.predict(NETWORKS[0]) == model.predict(NETWORKS[0])


def test_the_kind_decides_who_reads() -> None:
    assert isinstance(read_model(fit_whole().to_json()), LatencyModel)
    with pytest.raises(DeviceError) as caught:
        read_model("nonsense", where="here.json")
    assert str(caught.value).startswith("here.json: Expecting value")


def fit_whole() -> LatencyModel:
    from nas.latency.fit import fit_model

    return fit_model(BOARD, board_rows())


WRONG = [  # what of the file, how, what is said
    ("schema", 7, "schema 7 of kind ops, and this reads 1, ops"),
    ("ops.kernel", ["kind"], "unknown facts of kernels among kind"),
    ("ops.misses", [0.1], "kernels and 1 misses"),
    ("ops.coefficients", {"macs": 1.0}, "unknown terms or coefficients of 0 among macs"),
    ("ops.law", {"speed": 3}, "unexpected keyword argument 'speed'"),
]


@pytest.mark.parametrize(("place", "value", "said"), WRONG)
def test_another_file_is_refused(
    model: OpLatencyModel, place: str, value: object, said: str
) -> None:
    data = json.loads(model.to_json())
    *outer, last = place.split(".")
    inner = data[outer[0]] if outer else data
    inner[last] = value
    with pytest.raises(DeviceError) as caught:
        OpLatencyModel.from_json(json.dumps(data), where="here.json")
    assert str(caught.value).startswith("here.json: ")
    assert said in str(caught.value)
    assert caught.value.hint == "make it again with `nas latency validate`"


def test_schemas_of_the_kinds_are_told_apart(model: OpLatencyModel) -> None:
    with pytest.raises(DeviceError):
        LatencyModel.from_json(model.to_json())
    whole = json.loads(fit_whole().to_json())
    assert (whole["schema"], whole.get("kind")) == (WHOLE_SCHEMA, None)
