"""A step that is captured on a GPU may touch nothing but the GPU, nor wait for it.

A device of torch without memory stands in for the GPU: whoever asks it for a number fails, and
whoever copies between it and the processor is seen.
"""

import sys
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from nas.data.images import Pair
from nas.graph import Graph
from nas.quantize.settings import Fqsr, Qat
from nas.train.adversarial import Adversary
from nas.train.feed import Feed
from nas.train.hardware import Hardware
from nas.train.learner import make_learner
from nas.train.losses import DctL1, PsnrLoss, S2dL1
from nas.train.pool import PixelPool
from nas.train.sources import PoolSource
from nas.train.stage_run import Helpers, StageRun
from nas.train.stages import Stage
from nas.train.start import he_start
from nas.train.swing import Swing
from nas.zoo import zoo_entry
from nas.zoo.fqsr import sr_resnet

XCAT = zoo_entry("XCAT").build()
GENMEDIA = zoo_entry("GenMedia-SkipSkip").build()
RESNET = sr_resnet(2, 1)
PLAIN = Stage(100, batch_size=2, lr_patch=8)
CASES: dict[str, tuple[Graph, Stage]] = {
    "plain": (XCAT, PLAIN),
    "averaged": (XCAT, replace(PLAIN, ema_decay=0.9, centre_gradients=True, weight_clip=1.0)),
    "SOAP": (XCAT, replace(PLAIN, optimizer="soap", betas=(0.9, 0.99))),
    "unclipped": (XCAT, replace(PLAIN, clip_in_loss=False, loss=PsnrLoss())),
    "smooth": (GENMEDIA, replace(PLAIN, activation="silu", loss=DctL1(8))),
    "adversarial": (RESNET, replace(PLAIN, adversarial=1e-3, loss=S2dL1(2))),
    **{
        f"form of {name}": (zoo_entry(name).build(), replace(PLAIN, ema_decay=0.9))
        for name in ("SCSRN", "ICL", "PRPSR", "Vccip-DBRepNet", "Noahtcv", "Rtsisr2022")
    },
    **{
        f"{kind} of {name}": (graph, replace(PLAIN, quantisation=Qat(kind, 0.3)))  # type: ignore[arg-type]
        for kind in ("minmax", "lsq", "pact", "daia")
        for name, graph in (("XCAT", XCAT), ("GenMedia", GENMEDIA))
    },
    "FQSR": (RESNET, replace(PLAIN, quantisation=Fqsr(4, 4, 8))),
    "FQSR, followed": (RESNET, replace(PLAIN, quantisation=Fqsr(4, 4, 8, daia=False))),
    "FQSR, DoReFa": (RESNET, replace(PLAIN, quantisation=Fqsr(4, 4, 8, dorefa=True))),
    "FQSR, paper": (RESNET, replace(PLAIN, quantisation=Fqsr(grid="paper", scope="paper"))),
}


class StandIn(Hardware):
    """Says that it is a GPU."""

    @property
    def is_cuda(self) -> bool:
        return True


class Watch(TorchDispatchMode):
    """Notes every operation that touches the processor."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.strays: set[str] = set()

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        found = function(*args, **(kwargs or {}))
        touched = [x for x in tree_leaves((args, kwargs, found)) if isinstance(x, torch.Tensor)]
        self.count += 1
        if any(x.device.type != "meta" for x in touched):
            self.strays.add(str(function))
        return found


@pytest.fixture(autouse=True)
def _kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the stand-in has no kernels for, and a GPU has."""
    adam = sys.modules[torch.optim.Adam.__module__]
    monkeypatch.setattr(adam, "_device_dtype_check_for_fused", lambda *_, **__: None)
    monkeypatch.setattr(torch, "_fused_adam_", lambda *_, **__: None)
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
    monkeypatch.setattr(
        torch, "fake_quantize_per_tensor_affine", lambda x, scale, zero, *_: x * scale * zero
    )


@pytest.mark.parametrize("case", CASES)
def test_step_stays_on_its_device(case: str) -> None:
    graph, stage = CASES[case]
    hardware = StandIn("meta")
    weights = he_start(graph.deployed, seed=0, gain=1.0)
    network = make_learner(graph, weights, stage, seed=0)
    adversary = Adversary(stage, hardware, seed=0) if stage.adversarial else None
    helpers = Helpers(adversary=adversary)
    run = StageRun(network, stage, hardware, helpers, span=range(100), swing=Swing(hardware))
    side = 16 * graph.scale
    lr = torch.empty(2, 16, 16, 3, device="meta").permute(0, 3, 1, 2)
    hr = torch.empty(2, side, side, 3, device="meta").permute(0, 3, 1, 2)
    for step in range(2):  # makes what is made once
        run.begin_step(network.warmup_steps + step)
        run.train(lr, hr)
    run.begin_step(network.warmup_steps + 2)
    with run.capturing(), Watch() as watch:
        loss = run.train(lr, hr)
    assert loss.device.type == "meta"
    assert watch.count > 80
    assert watch.strays == set()


def test_what_a_step_must_not_do_is_seen() -> None:
    network = make_learner(XCAT, he_start(XCAT, seed=0, gain=1.0), PLAIN, seed=0)

    def loss_of(batch: Any) -> torch.Tensor:
        return (batch.sr - batch.hr + torch.tensor([1.0]).to(batch.sr.device)).abs().mean()

    stage = replace(PLAIN, loss=loss_of)
    run = StageRun(network, stage, StandIn("meta"), Helpers(), span=range(100))
    lr, hr = torch.empty(2, 3, 8, 8, device="meta"), torch.empty(2, 3, 24, 24, device="meta")
    with Watch() as watch:
        run.train(lr, hr)
    assert "aten._to_copy.default" in watch.strays
    with pytest.raises((RuntimeError, NotImplementedError)):
        run.train(lr, hr).item()


def test_what_begins_a_step_is_written_where_a_replay_reads_it() -> None:
    stage = replace(PLAIN, ema_decay=0.9)
    network = make_learner(XCAT, he_start(XCAT, seed=0, gain=1.0), stage, seed=0)
    run = StageRun(network, stage, StandIn("meta"), Helpers(), span=range(100))
    run.begin_step(0)
    rates = [group["lr"] for group in run._optimizer._adam.param_groups]
    keep = run._keep
    run.begin_step(1)
    after = [group["lr"] for group in run._optimizer._adam.param_groups]
    assert all(a is b for a, b in zip(rates, after, strict=True))
    assert keep is run._keep


def test_gathering_stays_on_its_device(leaves: tuple[Pair, ...]) -> None:
    feed = Feed(leaves, scale=3, seed=0)
    source = PoolSource(feed.sampler(8, PLAIN.augment), 2, PixelPool(leaves, "meta"))
    reads = source.reads(0, 2).to("meta")
    with Watch() as watch:
        lr, hr = source.gather(reads[1])
    assert (tuple(lr.shape), tuple(hr.shape)) == ((2, 3, 8, 8), (2, 3, 24, 24))
    assert watch.strays == set()
    assert watch.count < 50
