"""Blocks of captured steps: what is counted, drawn ahead, handed out and explained.

Where there is no GPU, a stand-in captures a step by noting what it would run, and replays it.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nas.data.images import Pair
from nas.errors import TrainingError
from nas.quantize.settings import Qat
from nas.readers.weights import Array
from nas.train import drive
from nas.train.drive import GraphDrive, PlainDrive
from nas.train.feed import Feed
from nas.train.losses import Batch
from nas.train.pool import PixelPool
from nas.train.schedules import Cosine
from nas.train.sources import PoolSource
from nas.train.stages import Recipe, Stage
from nas.train.trainer import Conditions, Trainer
from nas.zoo import zoo_entry

XCAT = zoo_entry("XCAT").build()
STAGE = Stage(30, Cosine(1e-3, 30), batch_size=2, lr_patch=8, ema_decay=0.9)
DAIA = Stage(30, Cosine(1e-4, 30), batch_size=2, lr_patch=8, quantisation=Qat("daia"))


class Pooled(Feed):
    """Gathers from a pool on the processor, so that a step is captured."""

    draws = 0

    def source(self, stage: Stage, device: str) -> PoolSource:
        sampler = self.sampler(stage.lr_patch, stage.augment)
        return PoolSource(sampler, stage.batch_size, PixelPool(self._pairs, device))


class Stream:
    def __init__(self, device: str) -> None: ...
    def wait_stream(self, other: object) -> None: ...


class Graph:
    """What was captured is run again."""

    captured: "GraphDrive"

    def replay(self) -> None:
        held = self.captured
        held._loss.copy_(held._run.train(*held._source.gather(held._reads)))


@pytest.fixture(autouse=True)
def captures(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The steps at which something was captured."""
    found: list[int] = []
    original: Callable[..., Any] = GraphDrive._captured

    def captured(self: GraphDrive, reads: Tensor) -> Any:
        before = {name: x.clone() for name, x in self._run.state().items()}
        graph = original(self, reads)
        self._run.restore(before)  # a capture runs nothing
        graph.captured = self
        found.append(len(found))
        return graph

    @contextmanager
    def graph(_: Graph, *, stream: Stream, capture_error_mode: str) -> Iterator[None]:
        assert capture_error_mode == "thread_local"
        yield

    monkeypatch.setattr(GraphDrive, "_captured", captured)
    monkeypatch.setattr(drive, "_LEAST", 4)
    monkeypatch.setattr(drive, "_MOST", 4)
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda _: nullcontext())
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", graph)
    return found


def trainer(
    leaves: tuple[Pair, ...], *stages: Stage, pooled: bool = True, budget: int | None = None
) -> Trainer:
    feed = (Pooled if pooled else Feed)(leaves, scale=3, seed=0)
    found = Trainer(XCAT, Recipe("r", "", stages), feed, Conditions(0, budget))
    assert isinstance(found._drive, GraphDrive if pooled else PlainDrive)
    return found


def equal(a: dict[str, Array], b: dict[str, Array]) -> bool:
    return all(np.array_equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize(("stage", "steps"), [(STAGE, 11), (DAIA, 27)], ids=["float", "DAIA"])
def test_captured_steps_are_the_steps(
    leaves: tuple[Pair, ...], captures: list[int], stage: Stage, steps: int
) -> None:
    captured, plain = (trainer(leaves, stage, pooled=pooled) for pooled in (True, False))
    captured.advance(steps)
    plain.advance(steps)
    assert captures == [0]  # once
    assert equal(captured.weights(), plain.weights())
    assert captured.mean_loss() == pytest.approx(plain.mean_loss(), rel=1e-6)
    assert captured.grid() == plain.grid()


def test_each_stage_is_captured_and_steps_that_differ_are_not(
    leaves: tuple[Pair, ...], captures: list[int]
) -> None:
    run = trainer(leaves, STAGE, DAIA)
    run.advance(3)
    assert captures == []
    run.advance(4)
    assert captures == [0]
    run.advance(30 + 21)  # DAIA estimates for 20 steps, then begins to train its intervals
    assert captures == [0]
    run.advance(30 + 22)
    assert captures == [0, 1]


def test_steps_are_counted_when_they_are_finished(leaves: tuple[Pair, ...]) -> None:
    run = trainer(leaves, STAGE)
    seen = [(finished, run.step) for finished in run.advancing(10)]
    assert seen == [(0, 0), (4, 4), (0, 4), (4, 8), (0, 8), (2, 10)]


def test_blocks_last_as_long_as_a_person_waits(
    leaves: tuple[Pair, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 0.1 s a step: the next block, drawn meanwhile, is of 4 steps, too, those after it of 5."""
    monkeypatch.setattr(drive, "_MOST", 100)
    clock = [0.0]
    monkeypatch.setattr(drive.time, "monotonic", lambda: clock[0])
    run = trainer(leaves, STAGE)
    blocks = []
    for finished in run.advancing(22):
        if finished:
            blocks.append(finished)
        else:
            clock[0] += 0.1 * (4 if len(blocks) < 2 else 5)
    assert blocks == [4, 4, 5, 5, 4]


def test_every_step_is_drawn_once(
    leaves: tuple[Pair, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []
    original = PoolSource._reads_of

    def noted(self: PoolSource, step: int) -> Tensor:
        drawn.append(step)
        return original(self, step)

    monkeypatch.setattr(PoolSource, "_reads_of", noted)
    run = trainer(leaves, STAGE)
    steps = run.advancing(10)
    next(steps)
    assert drawn == list(range(8))  # the next block, too, while the first is at work
    for _ in steps:
        pass
    assert drawn == list(range(10))


def test_state_between_blocks_is_gone_on_from(leaves: tuple[Pair, ...]) -> None:
    whole, stopped, restored = (trainer(leaves, STAGE) for _ in range(3))
    whole.advance(18)
    for _ in stopped.advancing(18):
        if stopped.step == 8:
            break
    tensors, described = stopped.state()
    restored.restore({name: tensor.clone() for name, tensor in tensors.items()}, described)
    restored.advance(18)
    assert equal(whole.weights(), restored.weights())


class Breaking:
    """Its loss is no number from the seventh step on."""

    def __init__(self, broken: int, calls: int = 10**9) -> None:
        self.left = broken
        self.calls = calls

    def __call__(self, batch: Batch) -> Tensor:
        self.left -= 1
        self.calls -= 1
        broken = self.left < 0 <= self.calls
        return (batch.sr - batch.hr).abs().mean() * (math.nan if broken else 1.0)


def test_broken_step_is_found_in_its_block(leaves: tuple[Pair, ...]) -> None:
    stage = Stage(30, Cosine(1e30, 30), batch_size=2, lr_patch=8)
    with pytest.raises(TrainingError, match=r"step 2: the loss is (nan|inf); .* node \d+, conv"):
        trainer(leaves, stage).advance(20)


def test_break_that_is_not_repeated_is_told_too(leaves: tuple[Pair, ...]) -> None:
    """Steps 5 to 8 are a block; its third breaks, once."""
    loss = Breaking(broken=7, calls=8)  # one call is that of the capture
    stage = Stage(30, Cosine(1e-3, 30), loss=loss, batch_size=2, lr_patch=8)
    run = trainer(leaves, stage)
    with pytest.raises(TrainingError) as caught:
        run.advance(20)
    assert caught.value.message == (
        "training stopped at step 7: the loss is nan, though not when the step is repeated"
    )
