"""A training run of one network by a recipe, which can be stopped and gone on with at any step."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from nas.errors import TrainingError, UsageError
from nas.graph import Graph, parse_text, to_text
from nas.quantize.qat import QatNetwork
from nas.quantize.scheme import Grid
from nas.readers.to_torch import GraphModule, to_torch
from nas.readers.weights import Array, Weights
from nas.train.adam import below
from nas.train.adversarial import Adversary
from nas.train.drive import drive_of
from nas.train.feed import Feed
from nas.train.hardware import Hardware
from nas.train.learner import Learner, make_learner
from nas.train.prepare import check_stages, kept_in, prepared
from nas.train.solve_set import solve_readout
from nas.train.stage_run import Helpers, StageRun
from nas.train.stages import Recipe, Stage
from nas.train.start import he_start, start_of
from nas.train.swing import Swing
from nas.train.trainable import Trainable

__all__ = ["Conditions", "Trainer", "check_trainable", "stage_ends"]


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a training run depends on beside network, recipe and images.

    Args:
        seed: Of the start.
        budget_steps: Of all stages together; None: as published.
        hardware: Where it trains.
        begin: Weights to begin with instead of the recipe's start.
        features: VGG-19 features of images by layer, for the losses that look at them.
    """

    seed: int = 0
    budget_steps: int | None = None
    hardware: Hardware = field(default=Hardware())
    features: Callable[[Tensor], Mapping[int, Tensor]] | None = None
    begin: Weights | None = None


def stage_ends(recipe: Recipe, budget_steps: int | None = None) -> tuple[int, ...]:
    """The step at which each stage ends, when all of them share `budget_steps`.

    Example:
        >>> from nas.train.stages import Stage
        >>> stage_ends(Recipe("r", "", (Stage(3000), Stage(1000))), 100)
        (75, 100)
    """
    total = recipe.steps if budget_steps is None else budget_steps
    if total < len(recipe.stages):
        raise UsageError(
            f"{total} steps are too few for the {len(recipe.stages)} stages of {recipe.name}",
            f"give at least {len(recipe.stages)}",
        )
    ends: list[int] = []
    done = 0
    for index, stage in enumerate(recipe.stages):
        done += stage.steps
        least = ends[-1] + 1 if ends else 1
        most = total - (len(recipe.stages) - 1 - index)
        ends.append(min(max(round(total * done / recipe.steps), least), most))
    return tuple(ends)


def check_trainable(graph: Graph, recipe: Recipe, budget_steps: int | None = None) -> None:
    """Whether a network can train by a recipe to its end.

    Raises:
        RewriteError: A stage asks for a rewrite that does not fit the graph.
        UsageError: The budget is smaller than the number of stages, or the network does not enlarge
            colour images.
    """
    stage_ends(recipe, budget_steps)
    last = graph.shapes(12, 12)[-1]
    if graph.channels != 3 or last.channels != 3 or graph.scale < 1:
        raise UsageError(
            f"network {graph.digest} makes {last} of 12x12x{graph.channels}",
            "give one that enlarges RGB images",
        )
    check_stages(recipe, graph)


class Trainer:
    """Trains one network by a recipe; `advance` may be called again to go on.

    The same network, recipe, images, seed and budget give the same weights on one device, however
    often the run was stopped and restored between.

    Args:
        graph: The network, with the forms that its convolutions train in.
        recipe: How.
        feed: Its images.
        conditions: All else.

    Raises:
        DataError: No image is as large as a patch that closed-form solutions take.
        RewriteError: As `check_trainable`.
        UsageError: As `check_trainable`.
    """

    def __init__(
        self, graph: Graph, recipe: Recipe, feed: Feed, conditions: Conditions = Conditions()
    ) -> None:
        self.recipe = recipe
        self.step = 0
        self._restarts = 0
        self._given = graph
        self._feed = feed
        self._conditions = conditions
        check_trainable(graph, recipe, conditions.budget_steps)
        self._ends = stage_ends(recipe, conditions.budget_steps)
        self._loss_sum, self._loss_count = 0.0, 0  # of the steps since `mean_loss` was asked
        self._teacher: GraphModule | None = None
        self._adversary: Adversary | None = None
        self._enter(0, graph, conditions.begin)

    @property
    def steps(self) -> int:
        """Of the whole run."""
        return self._ends[-1]

    @property
    def lr_patches(self) -> tuple[int, ...]:
        """Edge of the low-resolution patches that each stage really cuts from these images."""
        return tuple(self._feed.largest_patch(stage.lr_patch) for stage in self.recipe.stages)

    @property
    def stage(self) -> int:
        """Index of the stage that the last step was of."""
        return self._index

    @property
    def graph(self) -> Graph:
        """As it is deployed after this stage."""
        return self._run.network.graph.deployed

    def advance(self, to_step: int) -> None:
        """Trains up to `to_step`, or to the end of the last stage.

        Raises:
            TrainingError: The loss is no longer finite; says at which step and in which layer.
        """
        for _ in self.advancing(to_step):
            pass

    def advancing(self, to_step: int) -> Iterator[int]:
        """As `advance`, but lets others train between its steps.

        A training that the recipe lets begin again does so from step 0, at half the rate.

        Yields:
            How many steps were finished; then the state is that of `step`. 0 while a block of them
            is still at work on a GPU, so that several networks fill it.
        """
        while self.step < min(to_step, self.steps):
            if self.step == self._ends[self._index]:
                self._enter(self._index + 1, self._run.network.graph, self._averaged())
            try:
                yield from self._advancing_in_stage(min(to_step, self._ends[self._index]))
            except TrainingError:
                if not self._may_begin_again:
                    raise
                self._begin_again()

    @property
    def learning_rate(self) -> float:
        """Of the last step."""
        return self._run.rate

    def mean_loss(self) -> float:
        """Of the steps since this was asked last; NaN if there were none."""
        found = self._loss_sum / self._loss_count if self._loss_count else math.nan
        self._loss_sum, self._loss_count = 0.0, 0
        return found

    def weights(self) -> dict[str, Array]:
        """What the stage reads: averaged weights, their readout solved where the recipe says so."""
        found = self._averaged()
        if self.recipe.ridge is None:
            return found
        module = to_torch(self.graph, found)
        solve_readout(module, self._feed.solve_set, self.recipe.ridge)
        return module.weights()

    def upscaled(self, lr: Tensor) -> Tensor:
        """What the network makes of images (n, c, h, w) now, quantised if this stage is.

        Float networks are read as by `weights`, whatever activation they train with.
        """
        network, hardware = self._run.network, self._conditions.hardware
        reader: GraphModule = network
        if isinstance(network, Trainable):
            reader = to_torch(self.graph, self.weights())
            hardware.place(reader)
        with torch.no_grad():
            found = reader.eval().forward(lr.to(hardware.device)).cpu()
        network.train()
        return found

    def grid(self) -> tuple[Grid, ...] | None:
        """The grid of each node, if this stage trains for INT8."""
        network = self._run.network
        return network.grid() if isinstance(network, QatNetwork) else None

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors, and what JSON can hold; `restore` goes on from them."""
        described = {
            "step": self.step,
            "stage": self._index,
            "restarts": self._restarts,
            "graph": to_text(self._run.network.graph),
            "before": to_text(self._before),
            "losses": [self._loss_sum, self._loss_count],
            "factors": {str(place): factor for place, factor in self._run.factors.items()},
        }
        tensors = self._run.state()
        if self._teacher is not None:
            found = self._teacher.state_dict()
            tensors |= {f"teacher/{name}": tensor for name, tensor in found.items()}
        return tensors, described

    def restore(self, tensors: Mapping[str, Tensor], described: Mapping[str, Any]) -> None:
        """Goes back to a state; all but steps and tensors must be as it was then."""
        self.step, self._index = int(described["step"]), int(described["stage"])
        self._loss_sum, self._loss_count = described["losses"]
        self._restarts = int(described.get("restarts", 0))  # older checkpoints do not say it
        self._before = parse_text(described["before"])
        self._teacher = None
        if teacher := below("teacher/", tensors):
            self._teacher = to_torch(self._before.deployed)
            self._teacher.load_state_dict(teacher)
        graph = parse_text(described["graph"])
        stage = self.recipe.stages[self._index]
        weights = he_start(graph, seed=0, gain=1.0)  # replaced at once
        kept = kept_in(stage, self._before)
        learner = make_learner(graph, weights, stage, seed=self._conditions.seed, kept=kept)
        factors = {int(place): factor for place, factor in described["factors"].items()}
        self._begin(learner, factors)
        self._run.restore(tensors)

    def _advancing_in_stage(self, end: int) -> Iterator[int]:
        for losses in self._drive.advance(self.step, end):
            self.step += len(losses)
            self._loss_count += len(losses)
            for loss in losses:
                self._loss_sum += loss
            if losses and self._run.swung:
                self._begin_again()
                return
            yield len(losses)

    @property
    def _may_begin_again(self) -> bool:
        return self._restarts < self.recipe.restarts

    def _begin_again(self) -> None:
        self._restarts += 1
        self.step = 0
        self._loss_sum, self._loss_count = 0.0, 0
        self._enter(0, self._given, self._conditions.begin)

    def _enter(self, index: int, graph: Graph, weights: Weights | None) -> None:
        """Begins a stage from `weights`, or the first one from the recipe's start."""
        stage, seed = self.recipe.stages[index], self._conditions.seed
        self._index, self._before, self._teacher = index, graph, None
        begun = weights if weights is not None else start_of(graph, self.recipe, seed=seed)
        if stage.distil and weights is not None:
            self._teacher = to_torch(graph.deployed, begun)
        graph, begun = prepared(stage, graph, begun, self._feed.solve_set)
        learner = make_learner(graph, begun, stage, seed=seed, kept=kept_in(stage, self._before))
        if isinstance(learner, Trainable):
            if weights is None and self.recipe.ridge is not None:
                self._solve_start(learner, self.recipe.ridge)
            learner.settle(self._feed.solve_set.lr)
        else:
            learner.calibrate(self._feed.solve_set.lr)
        self._begin(learner, None)

    def _solve_start(self, learner: Trainable, ridge: float) -> None:
        plain = learner.plain()  # a narrow form only comes near to what it was given
        solve_readout(plain, self._feed.solve_set, ridge)
        learner.load_weights(plain.weights())

    def _begin(self, learner: Learner, factors: Mapping[int, float] | None) -> None:
        hardware, stage = self._conditions.hardware, self.recipe.stages[self._index]
        if self._teacher is not None:
            hardware.place(self._teacher)
        self._adversary = self._next_adversary(stage)
        helpers = Helpers(self._teacher, self._conditions.features, self._adversary)
        begin = self._ends[self._index - 1] if self._index else 0
        span = range(begin, self._ends[self._index])
        self._run = StageRun(
            learner,
            stage,
            hardware,
            helpers,
            span=span,
            rate_share=0.5**self._restarts,
            swing=Swing(hardware) if self._may_begin_again else None,
            factors=factors,
        )
        self._drive = drive_of(self._run, self._feed.source(stage, hardware.device))

    def _next_adversary(self, stage: Stage) -> Adversary | None:
        """The one of a stage, which goes on from that of the stage before."""
        if not stage.adversarial:
            return None
        found = Adversary(stage, self._conditions.hardware, seed=self._conditions.seed)
        if self._adversary is not None:
            found.go_on_from(self._adversary)
        return found

    def _averaged(self) -> dict[str, Array]:
        module = to_torch(self.graph)
        with torch.no_grad():
            for parameter, tensor in zip(module.parameters(), self._run.deployed(), strict=True):
                parameter.copy_(tensor)
        return module.weights()
