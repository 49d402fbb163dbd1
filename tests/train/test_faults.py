"""A training that went wrong says where."""

import numpy as np
import pytest
import torch

from nas.errors import TrainingError
from nas.graph import BatchNorm, Conv2d, GraphBuilder, Prelu, Relu
from nas.quantize.settings import Qat
from nas.train.faults import diverged
from nas.train.learner import Learner, make_learner
from nas.train.stages import Stage
from nas.train.start import he_start

HINT = "lower the learning rate, or continue from the last checkpoint with another seed"


def network(form: str = "plain", *, quantised: bool = False) -> Learner:
    g = GraphBuilder()
    conv = Conv2d(3, form=form, expansion=1)  # type: ignore[arg-type]
    graph = g.graph(g.chain(g.input, Conv2d(3), Relu(), conv))
    stage = Stage(1, quantisation=Qat() if quantised else None)
    found = make_learner(graph, he_start(graph.deployed, seed=0, gain=1.0), stage, seed=0)
    if quantised:
        found.calibrate(torch.rand(1, 3, 8, 8))  # type: ignore[union-attr, operator]
    return found


def message(found: Learner, x: torch.Tensor) -> str:
    error = diverged(found, x, step=7, loss=float("nan"))
    assert isinstance(error, TrainingError)
    assert error.hint == HINT
    return error.message.removeprefix("training stopped at step 7: the loss is nan; ")


IMAGE = torch.rand(1, 3, 8, 8)


def test_first_layer_with_broken_weights_is_named() -> None:
    found = network()
    with torch.no_grad():
        found.kernels["3"][0, 0, 0, 0] = torch.nan
        found.biases["3"][0] = torch.inf
    text = "the first weights that are not finite are those of node 3, conv(3)"
    assert message(found, IMAGE) == text
    with torch.no_grad():
        found.biases["1"][0] = torch.inf
    assert message(found, IMAGE) == text.replace("node 3", "node 1")


@pytest.mark.parametrize("form", ["repvgg", "rep_block"])
def test_weights_inside_a_form_count(form: str) -> None:
    found = network(form)
    with torch.no_grad():
        list(found.parameters_of(3))[-1].fill_(torch.inf)  # type: ignore[union-attr, operator]
    text = f"the first weights that are not finite are those of node 3, conv(3, form={form})"
    assert message(found, IMAGE) == text


def test_slopes_and_norms_count() -> None:
    g = GraphBuilder()
    graph = g.graph(g.chain(g.input, Conv2d(3), BatchNorm(), Conv2d(3), Prelu()))
    weights = he_start(graph, seed=0, gain=1.0)
    for part, node in (("4/slope", "node 4, prelu()"), ("2/gamma", "node 2, batch_norm()")):
        weights[part][0] = np.nan
        found = make_learner(graph, weights, Stage(1), seed=0)
        text = "the first weights that are not finite are those of"
        assert message(found, IMAGE) == f"{text} {node}"


@pytest.mark.parametrize("quantised", [False, True])
def test_first_layer_with_a_broken_output_is_named(quantised: bool) -> None:
    found = network(quantised=quantised)
    with torch.no_grad():
        found.kernels["1"].fill_(1e38)
    assert message(found, IMAGE * 1e3).startswith("the first output that is not finite is that of")


def test_loss_itself_may_overflow() -> None:
    text = "all layers are finite, so it is the loss itself that overflows"
    assert message(network(), IMAGE) == text
