"""Runs the steps of a stage: one by one, or on a GPU as a captured graph.

A small network's step is dozens of GPU operations that take less time than Python needs to start
them. Captured once, a step is started as a whole: patches are gathered, trained on and averaged
without the processor.
"""

import math
import time
from collections.abc import Iterator

import torch
from torch import Tensor

from nas.errors import TrainingError
from nas.train.faults import diverged
from nas.train.sources import HostSource, PoolSource
from nas.train.stage_run import StageRun

__all__ = ["Drive", "GraphDrive", "PlainDrive", "drive_of"]

_EAGER = 3  # steps before a capture: libraries choose their kernels in them
# Steps are handed to the GPU, and their losses looked at, in blocks of about this length, for which
# a person waits after Ctrl-C. What steps compute does not depend on how they are divided.
_BLOCK_S = 0.5
_LEAST, _MOST = 32, 192  # of a block; more would fill the queue of launches, and others wait


class PlainDrive:
    """Step by step; looks at each loss."""

    def __init__(self, run: StageRun, source: HostSource) -> None:
        self._run = run
        self._source = source

    def advance(self, begin: int, end: int) -> Iterator[list[float]]:
        """Runs steps `begin` to `end` of the training, `end` excluded.

        Yields:
            Losses of the steps that were finished since the last time, maybe none; where there are
            some, all of them are, and the state is that behind them. Then others may train.

        Raises:
            TrainingError: A loss is not finite.
        """
        for step in range(begin, end):
            yield [self._step(step)]

    def _step(self, step: int) -> float:
        lr, hr = self._source.patches(step)
        self._run.begin_step(step)
        loss = float(self._run.train(lr, hr))
        if not math.isfinite(loss):
            raise diverged(self._run.network, lr, step=step + 1, loss=loss)
        return loss


class GraphDrive:
    """Captures the step of a stage after a few eager ones and replays it.

    All work of the stage goes through a stream of its own, and nobody waits for it but who reads
    its losses, so that several networks train side by side. A replay reads what `begin_step` writes
    into tensors; whatever else of a step changes must have come to rest in the eager ones.

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
        self._reads = torch.empty(0)  # of the step that is replayed, on the device
        self._loss = torch.empty(0)
        self._size = _LEAST  # of a block; how long it takes is seen

    def advance(self, begin: int, end: int) -> Iterator[list[float]]:
        """As `PlainDrive.advance`; yields nothing while the GPU is still at work on a block."""
        block, reads = self._next_block(begin, end)
        while block:
            began_s = time.monotonic()
            before, reads, losses = self._start(block, reads)
            following = self._next_block(block.stop, end)  # drawn while the GPU is at work
            yield []
            with torch.cuda.stream(self._stream):
                found: list[float] = losses.tolist()  # waits for the block
            if not all(map(math.isfinite, found)):
                raise self._fault(before, reads, block, found)
            wanted = round(len(block) * _BLOCK_S / (time.monotonic() - began_s))
            self._size = min(max(wanted, _LEAST), _MOST)
            yield found
            block, reads = following

    def _next_block(self, begin: int, end: int) -> tuple[range, Tensor]:
        """Steps that are handed out together, and what they gather."""
        block = range(begin, min(end, begin + self._size))
        return block, self._source.reads(block.start, block.stop)

    def _start(self, block: range, reads: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Hands a block to the GPU; gives the state before it, its reads, and its losses to be."""
        self._stream.wait_stream(torch.cuda.current_stream(self._source.device))
        with torch.cuda.stream(self._stream):
            before = {name: tensor.clone() for name, tensor in self._run.state().items()}
            reads = reads.to(self._source.device)
            losses = torch.zeros(len(block), device=self._source.device)
            for place, step in enumerate(block):
                losses[place].copy_(self._step(step, reads[place]))
        return before, reads, losses

    def _step(self, step: int, reads: Tensor) -> Tensor:
        self._run.begin_step(step)
        if self._eager_left:
            self._eager_left -= 1
            return self._run.train(*self._source.gather(reads))
        if self._graph is None:
            self._graph = self._captured(reads)
        self._reads.copy_(reads)
        self._graph.replay()
        return self._loss

    def _captured(self, reads: Tensor) -> torch.cuda.CUDAGraph:
        graph = torch.cuda.CUDAGraph()
        self._reads = reads.clone()
        # Other threads may go on to use the GPU: they cut patches for networks without a pool.
        mode = "thread_local"
        with (
            self._run.capturing(),
            torch.cuda.graph(graph, stream=self._stream, capture_error_mode=mode),
        ):
            self._loss = self._run.train(*self._source.gather(self._reads))
        return graph

    def _fault(
        self, before: dict[str, Tensor], reads: Tensor, block: range, losses: list[float]
    ) -> TrainingError:
        """Runs a block again, step by step, up to the loss that is not finite."""
        self._run.restore(before)
        for place, step in enumerate(block):
            lr, hr = self._source.gather(reads[place])
            self._run.begin_step(step)
            loss = float(self._run.train(lr, hr))
            if not math.isfinite(loss):
                return diverged(self._run.network, lr, step=step + 1, loss=loss)
        place = next(i for i, loss in enumerate(losses) if not math.isfinite(loss))
        return TrainingError(
            f"training stopped at step {block[place] + 1}: the loss is {losses[place]}, though not "
            "when the step is repeated",
            "continue from the last checkpoint",
        )


Drive = PlainDrive | GraphDrive


def drive_of(run: StageRun, source: HostSource | PoolSource) -> Drive:
    """What runs the steps of a stage on these patches."""
    return GraphDrive(run, source) if isinstance(source, PoolSource) else PlainDrive(run, source)
