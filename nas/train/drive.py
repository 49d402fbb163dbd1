"""Runs the steps of a stage: one by one, or on a GPU as a captured graph.

A small network's step is dozens of GPU operations that take less time than Python needs to start
them. Captured once, a step is started as a whole: patches are gathered, trained on and averaged
without the processor.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from nas.train.faults import diverged
from nas.train.sources import HostSource, PoolSource
from nas.train.stage_run import StageRun

__all__ = ["BLOCK", "Drive", "GraphDrive", "PlainDrive", "drive_of"]

_EAGER = 3  # steps before a capture: libraries choose their kernels in them
BLOCK = 256  # steps whose patches are drawn, and whose losses are looked at, together


class PlainDrive:
    """Step by step; looks at each loss."""

    def __init__(self, run: StageRun, source: HostSource) -> None:
        self._run = run
        self._source = source

    def advance(self, begin: int, end: int) -> Iterator[list[float]]:
        """Runs steps `begin` to `end` of the training, `end` excluded, block by block.

        Yields:
            Losses of the steps that were finished since the last time, maybe none. Between two
            blocks others may train.

        Raises:
            TrainingError: A loss is not finite.
        """
        for first in range(begin, end, BLOCK):
            yield [self._step(step) for step in range(first, min(end, first + BLOCK))]

    def _step(self, step: int) -> float:
        lr, hr = self._source.patches(step)
        self._run.begin_step(step)
        loss = float(self._run.train(lr, hr))
        if not math.isfinite(loss):
            raise diverged(self._run.network, lr, step=step + 1, loss=loss)
        return loss


class GraphDrive:
    """Captures the step of a stage after a few eager ones and replays it.

    Args:
        run: The stage.
        source: Of its patches, on a GPU.
    """

    def __init__(self, run: StageRun, source: PoolSource) -> None:
        self._run = run
        self._source = source
        self._stream = torch.cuda.Stream(source.device)  # type: ignore[no-untyped-call]
        self._graph: torch.cuda.CUDAGraph | None = None
        self._eager_left = max(_EAGER, run.network.warmup_steps)
        self._draws = torch.empty(0)
        self._loss = torch.empty(0)

    def advance(self, begin: int, end: int) -> Iterator[list[float]]:
        """As `PlainDrive.advance`; yields while the GPU is still at work on the block."""
        for first in range(begin, end, BLOCK):
            yield from self._block(first, min(end, first + BLOCK))

    def _block(self, begin: int, end: int) -> Iterator[list[float]]:
        before = {name: tensor.clone() for name, tensor in self._run.state().items()}
        draws = self._source.draws(begin, end)
        losses = torch.zeros(end - begin, device=draws.device)
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            for place in range(end - begin):
                self._step(begin + place, draws[place], losses[place])
        torch.cuda.current_stream().wait_stream(self._stream)
        yield []
        found: list[float] = losses.tolist()  # waits for the block
        if not all(map(math.isfinite, found)):
            self._explain(before, draws, begin)
        yield found

    def _step(self, step: int, draws: Tensor, loss: Tensor) -> None:
        self._run.begin_step(step)
        if self._eager_left:
            self._eager_left -= 1
            loss.copy_(self._run.train(*self._source.gather(draws)))
            return
        if self._graph is None:
            self._capture(draws)
        self._draws.copy_(draws)
        self._graph.replay()  # type: ignore[union-attr]
        loss.copy_(self._loss)

    def _capture(self, draws: Tensor) -> None:
        self._draws = draws.clone()
        self._run.optimizer.zero_grad(set_to_none=True)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, stream=self._stream):
            self._loss = self._run.train(*self._source.gather(self._draws))

    def _explain(self, before: dict[str, Tensor], draws: Tensor, begin: int) -> None:
        """Runs a block again, step by step, up to the loss that is not finite."""
        self._run.restore(before)
        for place in range(len(draws)):
            lr, hr = self._source.gather(draws[place])
            self._run.begin_step(begin + place)
            loss = float(self._run.train(lr, hr))
            if not math.isfinite(loss):
                raise diverged(self._run.network, lr, step=begin + place + 1, loss=loss)


Drive = PlainDrive | GraphDrive


def drive_of(run: StageRun, source: HostSource | PoolSource) -> Drive:
    """What runs the steps of a stage on these patches."""
    return GraphDrive(run, source) if isinstance(source, PoolSource) else PlainDrive(run, source)
