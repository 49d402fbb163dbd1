"""The real bench of a search, with trainings of a few steps."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from nas.data.sets import Dataset
from nas.graph import Graph
from nas.quantize.quiet import quiet
from nas.search.bench import TrainingBench
from nas.search.effort import FINAL, SEARCH

__all__ = ["QUICK", "QuickBench"]

QUICK = "tests.quick:QuickBench"
_STEPS = 6


class QuickBench(TrainingBench):
    """Trains, quantises, converts and measures as `TrainingBench` does, only less."""

    def __init__(self, dataset: Dataset, *, scale: int, seed: int) -> None:
        super().__init__(dataset, scale=scale, seed=seed)
        self.effort = replace(SEARCH, rungs=(2, 4, _STEPS))

    def finalise(self, graph: Graph, folder: Path) -> dict[str, Any]:
        with quiet():
            from nas.search.finalists import finalise

        stages = tuple(replace(stage, steps=_STEPS) for stage in FINAL.recipe.stages)
        return finalise(self, graph, folder, recipe=replace(FINAL.recipe, stages=stages))
