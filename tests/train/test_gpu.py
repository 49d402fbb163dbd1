"""On a GPU: a captured step is the step, and networks side by side do not disturb each other."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from nas.data.images import Pair
from nas.errors import TrainingError
from nas.graph import Graph
from nas.quantize.settings import Fqsr, Qat
from nas.readers.weights import Array
from nas.train.drive import GraphDrive, PlainDrive
from nas.train.feed import Feed
from nas.train.hardware import choose_hardware
from nas.train.schedules import Constant, Cosine
from nas.train.stages import Recipe, Stage
from nas.train.trainer import Conditions, Trainer
from nas.zoo import zoo_entry

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device"),
]

XCAT = zoo_entry("XCAT").build()
STAGE = Stage(400, Cosine(1e-3, 400), batch_size=4, lr_patch=16)
STAGES: dict[str, tuple[Graph, Stage]] = {
    "plain": (XCAT, STAGE),
    "averaged": (XCAT, replace(STAGE, ema_decay=0.9, centre_gradients=True)),
    "SOAP": (XCAT, replace(STAGE, optimizer="soap")),
    "form": (zoo_entry("SCSRN").build(), replace(STAGE, weight_clip=1.0)),
    "normalised form": (zoo_entry("Vccip-DBRepNet").build(), STAGE),
    "adversarial": (XCAT, replace(STAGE, adversarial=1e-3)),
    "minmax": (XCAT, replace(STAGE, quantisation=Qat())),
    "daia": (XCAT, replace(STAGE, quantisation=Qat("daia", 0.3))),
    "FQSR": (XCAT, replace(STAGE, quantisation=Fqsr(4, 4, 8))),
}


def trainer(
    leaves: tuple[Pair, ...], graph: Graph, stage: Stage, *, seed: int = 0, budget: int = 40
) -> Trainer:
    feed = Feed(leaves, scale=graph.scale, seed=0)
    conditions = Conditions(seed, budget, choose_hardware("cuda"))
    return Trainer(graph, Recipe("r", "", (stage,)), feed, conditions)


def equal(a: dict[str, Array], b: dict[str, Array]) -> bool:
    return all(np.array_equal(a[name], b[name]) for name in a)


def far(a: dict[str, Array], b: dict[str, Array]) -> float:
    """Mean distance of the kernels of two networks."""
    names = [name for name in a if name.endswith("/kernel")]
    return float(np.mean([np.abs(a[name] - b[name]).mean() for name in names]))


@pytest.mark.parametrize("name", STAGES)
def test_captured_steps_are_the_steps(leaves: tuple[Pair, ...], name: str) -> None:
    graph, stage = STAGES[name]
    captured, eager = trainer(leaves, graph, stage), trainer(leaves, graph, stage)
    start = captured.weights()
    assert isinstance(captured._drive, GraphDrive)
    assert isinstance(eager._drive, GraphDrive)
    eager._drive._eager_left = 10**9
    captured.advance(28)
    eager.advance(28)
    assert captured.mean_loss() == pytest.approx(eager.mean_loss(), rel=1e-4)
    assert far(captured.weights(), eager.weights()) < 1e-3 * far(captured.weights(), start)


def test_patches_from_the_processor_train_alike(
    leaves: tuple[Pair, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    gathered = trainer(leaves, XCAT, STAGE)
    start = gathered.weights()
    monkeypatch.setattr(Feed, "_fit_on", lambda *_: False)
    cut = trainer(leaves, XCAT, STAGE)
    assert isinstance(cut._drive, PlainDrive)
    gathered.advance(12)
    cut.advance(12)
    assert gathered.mean_loss() == pytest.approx(cut.mean_loss(), rel=1e-3)
    assert far(gathered.weights(), cut.weights()) < 0.1 * far(gathered.weights(), start)


def test_networks_side_by_side_are_as_alone(leaves: tuple[Pair, ...]) -> None:
    alone, together, other = (
        trainer(leaves, XCAT, STAGE, seed=seed, budget=600) for seed in (0, 0, 1)
    )
    alone.advance(600)
    for _ in zip(together.advancing(600), other.advancing(600), strict=True):
        pass
    assert equal(alone.weights(), together.weights())
    assert not equal(alone.weights(), other.weights())


def test_state_is_that_of_the_step_where_steps_were_finished(leaves: tuple[Pair, ...]) -> None:
    whole, stopped, restored = (trainer(leaves, XCAT, STAGE, budget=600) for _ in range(3))
    whole.advance(600)
    for finished in stopped.advancing(600):
        if finished:
            break
    assert 0 < stopped.step < 600
    tensors, described = stopped.state()
    restored.restore({name: tensor.cpu() for name, tensor in tensors.items()}, described)
    restored.advance(600)
    assert equal(whole.weights(), restored.weights())


def test_loss_that_is_not_finite_is_explained(leaves: tuple[Pair, ...]) -> None:
    run = trainer(leaves, XCAT, replace(STAGE, schedule=Constant(1e30)))
    with pytest.raises(TrainingError, match=r"step 2: the loss is (nan|inf); .* node \d+, conv"):
        run.advance(20)
