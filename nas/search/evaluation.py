"""What one candidate is worth: trained in rungs, quantised and measured at each.

Imports torch: for workers only.
"""

import time
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from safetensors.numpy import save

from nas.data.metrics import psnr_db
from nas.data.patches import standard_crops
from nas.data.resample import Pixels
from nas.data.sets import Dataset
from nas.graph import Graph
from nas.quantize.refit import quantize
from nas.quantize.scheme import Grid
from nas.quantize.simulate import Simulation
from nas.readers.to_torch import image_tensor, in_uint8, to_torch
from nas.readers.weights import Weights
from nas.search.crops import details, strip_png, telling
from nas.search.effort import SEARCH, Effort
from nas.search.evaluation_cache import key_of
from nas.search.source import source_digest
from nas.search.tasks import Reached
from nas.train.checkpoint import dump, restore
from nas.train.feed import Feed
from nas.train.hardware import Hardware
from nas.train.stages import Recipe
from nas.train.trainer import Conditions, Trainer

__all__ = ["CPU", "Evaluator"]

CPU = Hardware()


@dataclass(frozen=True, slots=True)
class _Held:
    """A trainer that the next rung can go on with, if it comes to this worker."""

    digest: str
    state: bytes
    trainer: Trainer


class Evaluator:
    """Evaluates candidates of one run: same patches, same validation crops for all.

    Args:
        dataset: Training and validation pairs.
        scale: Upscaling factor.
        seed: Of patches, starts and calibration.
        effort: How candidates train.
        hardware: On which they train; all else is done on the processor.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        scale: int,
        seed: int,
        effort: Effort = SEARCH,
        hardware: Hardware = CPU,
    ) -> None:
        self.scale = scale
        self.seed = seed
        self.effort = effort
        self._hardware = hardware
        self._data_digest = dataset.digest
        self._feed = Feed(dataset.train, scale=scale, seed=seed)
        self.solve_set = self._feed.solve_set
        self.crops, self._wanted = standard_crops(
            dataset.valid, scale=scale, count=effort.validation_crops
        )
        self._telling = telling(self.crops, self._wanted)
        self._held: _Held | None = None

    @cached_property
    def identity(self) -> str:
        """Of all that decides what a network gives: images, scale, seed, effort, and this code.

        Not how many threads and which instructions a processor has: two threads instead of one move
        XCAT after 100 steps by 0.002 dB, another seed by 0.04 dB after 1000.
        """
        libraries = f"torch {torch.__version__}, numpy {np.__version__}"
        asked = f"{self._data_digest} x{self.scale} seed {self.seed} on {self._hardware}"
        return key_of(source_digest(), libraries, asked, repr(self.effort))

    def trainer(self, graph: Graph, recipe: Recipe | None = None) -> Trainer:
        """A fresh training run of a network."""
        conditions = Conditions(self.seed, hardware=self._hardware)
        return Trainer(graph, recipe or self.effort.recipe, self._feed, conditions)

    def advance(
        self, graph: Graph, rung: int, state: bytes, *, limit_s: float | None = None
    ) -> Reached:
        """Trains a network to a rung, quantises and measures it there.

        Args:
            graph: The network.
            rung: To reach, from 0.
            state: That the rung before was left in; empty at the first.
            limit_s: Of training.

        Returns:
            PSNR in RGB over 8-bit crops, `scale` pixels shaved, and the state to go on from.

        Raises:
            TrainingError: The loss is no longer finite, or the state is of another training.
            TimeoutError: Training takes longer than `limit_s`.
        """
        began_s = time.perf_counter()
        trainer = self._going_on(graph, state)
        for _ in trainer.advancing(self.effort.rungs[rung]):
            if limit_s is not None and time.perf_counter() - began_s > limit_s:
                raise TimeoutError(f"training to step {trainer.step} took over {limit_s:g} s")
        weights = trainer.weights()
        left = dump(trainer)
        self._held = _Held(graph.digest, left, trainer)
        trained_s = time.perf_counter()
        deployed, grid = quantize(graph, weights, self.solve_set.lr)
        quantized_s = time.perf_counter()
        upscaled = self.upscaled_int8(graph, deployed, grid)
        psnr_float_db = self.psnr_float_db(graph, weights)
        return Reached(
            reading=(self.effort.rungs[rung], psnr_float_db, self.psnr_of(upscaled)),
            is_last=rung == len(self.effort.rungs) - 1,
            state=left,
            weights=save(dict(weights)),
            details_png=strip_png(details(upscaled, self._telling)),
            train_s=trained_s - began_s,
            quantize_s=quantized_s - trained_s,
            evaluate_s=time.perf_counter() - quantized_s,
        )

    def psnr_float_db(self, graph: Graph, weights: Weights) -> float:
        """Of the float network on the validation crops."""
        module = to_torch(graph, weights)
        with torch.no_grad():
            return self.psnr_of(in_uint8(module(image_tensor(self.crops))))

    def upscaled_int8(self, graph: Graph, weights: Weights, grid: tuple[Grid, ...]) -> Pixels:
        """What the simulated integer network makes of the validation crops."""
        simulation = Simulation(graph, weights, grid)
        return in_uint8(simulation(image_tensor(self.crops)))

    def psnr_of(self, images: Pixels) -> float:
        """Of uint8 images (n, h, w, c) against the validation crops."""
        return psnr_db(images, self._wanted, shave=self.scale)

    def _going_on(self, graph: Graph, state: bytes) -> Trainer:
        """The trainer in the given state; the held one saves building it again."""
        held, self._held = self._held, None
        if held and state and (held.digest, held.state) == (graph.digest, state):
            return held.trainer
        trainer = self.trainer(graph)
        if state:
            restore(trainer, state, f"the checkpoint of {graph.digest}")
        return trainer
