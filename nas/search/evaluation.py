"""What one candidate is worth: trained in rungs, quantised and measured at each.

Imports torch: for worker processes only.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

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
from nas.search.crops import details, telling
from nas.search.effort import SEARCH, Effort
from nas.train.feed import Feed
from nas.train.stages import Recipe
from nas.train.trainer import Conditions, Trainer

__all__ = ["Evaluation", "Evaluator", "Reading"]


@dataclass(frozen=True, slots=True)
class Reading:
    """Quality after `steps` of training; PSNR in RGB over 8-bit images, `scale` pixels shaved."""

    steps: int
    psnr_float_db: float
    psnr_int8_db: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All readings of one candidate, what it made of a few details, where its seconds went.

    Args:
        readings: One a rung.
        details: Cut by `nas.search.crops.details` from what the integer network made of the crops.
        train_s: Of training.
        quantize_s: Of quantisation.
        evaluate_s: Of running the network on the crops.
    """

    readings: tuple[Reading, ...]
    details: Pixels
    train_s: float
    quantize_s: float
    evaluate_s: float

    @property
    def last(self) -> Reading:
        return self.readings[-1]


class Evaluator:
    """Evaluates candidates of one run: same patches, same validation crops for all.

    Args:
        dataset: Training and validation pairs.
        scale: Upscaling factor.
        seed: Of patches, starts and calibration.
        effort: How candidates train.
    """

    def __init__(self, dataset: Dataset, *, scale: int, seed: int, effort: Effort = SEARCH) -> None:
        self.scale = scale
        self.seed = seed
        self.effort = effort
        self._feed = Feed(dataset.train, scale=scale, seed=seed)
        self.solve_set = self._feed.solve_set
        self.crops, self._wanted = standard_crops(
            dataset.valid, scale=scale, count=effort.validation_crops
        )
        self._telling = telling(self.crops, self._wanted)

    def trainer(self, graph: Graph, recipe: Recipe | None = None) -> Trainer:
        """A fresh training run of a network."""
        return Trainer(graph, recipe or self.effort.recipe, self._feed, Conditions(self.seed))

    def evaluate(self, graph: Graph, go_on: Callable[[Reading], bool]) -> Evaluation:
        """Trains rung by rung as long as `go_on` of the latest reading says so."""
        readings: list[Reading] = []
        seconds = {"train": 0.0, "quantize": 0.0, "evaluate": 0.0}
        began = time.perf_counter()
        trainer = self.trainer(graph)
        for rung in self.effort.rungs:
            trainer.advance(rung)
            seconds["train"] += time.perf_counter() - began
            weights = trainer.weights()
            began = time.perf_counter()
            deployed, grid = quantize(graph, weights, self.solve_set.lr)
            seconds["quantize"] += time.perf_counter() - began
            began = time.perf_counter()
            upscaled = self.upscaled_int8(graph, deployed, grid)
            reading = Reading(rung, self.psnr_float_db(graph, weights), self.psnr_of(upscaled))
            seconds["evaluate"] += time.perf_counter() - began
            readings.append(reading)
            if rung != self.effort.rungs[-1] and not go_on(reading):
                break
            began = time.perf_counter()
        return Evaluation(
            tuple(readings),
            details(upscaled, self._telling),
            train_s=seconds["train"],
            quantize_s=seconds["quantize"],
            evaluate_s=seconds["evaluate"],
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
