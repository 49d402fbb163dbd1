"""The real benches of a worker: training, quantisation and conversion. Imports torch."""

from pathlib import Path
from typing import Any

from nas.data.sets import Dataset
from nas.graph import Graph
from nas.quantize.quiet import quiet
from nas.search.effort import SEARCH
from nas.search.evaluation import CPU, Evaluator
from nas.train.hardware import Hardware, choose_hardware

__all__ = ["GpuBench", "TrainingBench"]


class TrainingBench(Evaluator):
    """An evaluator that can also make a finalist of a network."""

    def __init__(
        self, dataset: Dataset, *, scale: int, seed: int, hardware: Hardware = CPU
    ) -> None:
        super().__init__(dataset, scale=scale, seed=seed, effort=SEARCH, hardware=hardware)

    def finalise(self, graph: Graph, folder: Path) -> dict[str, Any]:
        """Trains longer, converts and measures; see `nas.search.finalists`."""
        with quiet():  # TensorFlow, imported here: it costs seconds that no candidate needs
            from nas.search.finalists import finalise

        return finalise(self, graph, folder)


class GpuBench(TrainingBench):
    """Trains on the GPU that torch calls the first; quantises and measures on the processor.

    Raises:
        UsageError: There is none.
    """

    def __init__(self, dataset: Dataset, *, scale: int, seed: int) -> None:
        super().__init__(dataset, scale=scale, seed=seed, hardware=choose_hardware("cuda"))
