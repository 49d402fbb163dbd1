"""Fits of times that follow a known law, so that what must come out is known."""

from dataclasses import replace

import numpy as np
import pytest

from nas.errors import DeviceError
from nas.latency.card import write_card
from nas.latency.kinds import fit_model, told_by_op
from nas.latency.model import LatencyModel
from nas.latency.op_fit import fit_op_model
from nas.latency.op_model import OpLatencyModel
from nas.latency.validate import OP_PARTS, validate
from tests.latency.boards import BOARD, board_rows
from tests.latency.op_boards import NETWORKS, node_ms, op_rows, split

CHILD = replace(BOARD, name="child")


@pytest.fixture(scope="module")
def model() -> OpLatencyModel:
    return fit_op_model(BOARD, op_rows())


def test_a_known_law_is_recovered(model: OpLatencyModel) -> None:
    for graph in (split(20, 4), split(24, 2, first=8), split(32, 3, first=4)):
        assert model.predict(graph).latency_ms == pytest.approx(node_ms(graph).sum(), rel=0.03)


def test_what_costs_nothing_is_free(model: OpLatencyModel) -> None:
    shares = model.breakdown(split(20, 2))
    free = {share.kind.partition(" at")[0] for share in shares if share.latency_ms == 0}
    assert free == {"Slice", "Concat", "DepthToSpace"}


def test_the_same_rows_give_the_same_model_in_any_order(model: OpLatencyModel) -> None:
    assert fit_op_model(BOARD, op_rows()).to_json() == model.to_json()
    turned = fit_op_model(BOARD, op_rows(*NETWORKS[::-1]))
    graph = split(20, 4)
    assert turned.predict(graph).latency_ms == pytest.approx(
        model.predict(graph).latency_ms, rel=1e-3
    )


def test_an_interval_is_wider_where_times_scatter(model: OpLatencyModel) -> None:
    rows, noise = op_rows(), np.random.default_rng(0)
    factors = np.exp(0.2 * noise.normal(size=len(rows)))
    shaken = replace(
        rows,
        times=rows.times * factors,
        node_ms=tuple(
            tuple(f * ms for ms in each) for f, each in zip(factors, rows.node_ms, strict=True)
        ),
    )
    assert fit_op_model(BOARD, shaken).log_half_width > 3 * model.log_half_width


def test_a_parent_tells_what_few_rows_do_not(model: OpLatencyModel) -> None:
    rows = op_rows(*[split(12, depth, first=4) for depth in range(1, 6)], speed=3.0)
    graph = split(32, 3, first=16)
    truth = node_ms(graph, speed=3.0).sum()
    alone, leaning = (
        abs(np.log(fit_op_model(CHILD, rows, parent).estimate_graphs([graph])[0][0] / truth))
        for parent in (None, model)
    )
    assert leaning < alone / 2
    assert leaning < 0.2


def test_a_parent_s_ops_are_covered(model: OpLatencyModel) -> None:
    parent = replace(model, covered={"Tanh at x1": 7})
    child = fit_op_model(CHILD, op_rows(*NETWORKS[:5]), parent)
    assert child.covered["Tanh at x1"] == 7
    assert child.metadata["parent"] == BOARD.name


def test_the_rows_decide_the_kind_of_a_model() -> None:
    by_op, whole = op_rows(), board_rows()
    assert (told_by_op(by_op), told_by_op(whole)) == (True, False)
    assert isinstance(fit_model(BOARD, by_op), OpLatencyModel)
    mixed = replace(by_op, node_ms=(*by_op.node_ms[:-1], ()))
    assert not told_by_op(mixed)
    assert isinstance(fit_model(BOARD, whole), LatencyModel)


def test_a_parent_of_the_other_kind_is_refused(model: OpLatencyModel) -> None:
    with pytest.raises(DeviceError) as caught:
        fit_model(CHILD, board_rows(), model)
    assert str(caught.value) == (
        "child cannot lean on board, whose model is made of times of single ops"
        " (measure both with one back-end, or take `parent` out of device.toml)"
    )
    with pytest.raises(DeviceError, match="made of times of whole networks"):
        fit_model(CHILD, op_rows(), fit_model(BOARD, board_rows()))


def test_a_validation_leaves_tenths_out() -> None:
    found = validate(BOARD, op_rows())
    assert len(NETWORKS) > OP_PARTS
    assert found.accuracies["this model"].mape < 5
    assert found.accuracies["this model"].mape < found.accuracies["MACs"].mape
    assert np.all(found.unseen.low <= found.unseen.predicted)
    assert np.all(found.unseen.predicted <= found.unseen.high)
    assert isinstance(found.model, OpLatencyModel)
    assert found.model.to_json() == fit_op_model(BOARD, op_rows()).to_json()
    card = write_card(BOARD, found, ())
    assert "One graph in 10 is left out at a time. Baselines" in card
    assert f"repeats what {len(found.model.ops.residual.kernels)} measured ops" in card
    assert "| bricks_written | " in card
