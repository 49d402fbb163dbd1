"""The real bench of a worker: training, quantisation and conversion. Imports torch."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nas.data.sets import Dataset
from nas.graph import Graph
from nas.search.evaluation import Evaluation, Evaluator, Reading
from nas.search.finalists import finalise
from nas.train.recipe import SEARCH

__all__ = ["TrainingBench"]


class TrainingBench:
    """One per worker process; holds the data and the recipe."""

    def __init__(self, dataset: Dataset, *, scale: int, seed: int) -> None:
        self._evaluator = Evaluator(dataset, scale=scale, seed=seed, recipe=SEARCH)

    def evaluate(self, graph: Graph, go_on: Callable[[Reading], bool]) -> Evaluation:
        return self._evaluator.evaluate(graph, go_on)

    def finalise(self, graph: Graph, folder: Path) -> dict[str, Any]:
        found: dict[str, Any] = finalise(self._evaluator, graph, folder)
        return found
