"""Published networks with weights: trained as the search trains, kept in the user's cache.

No paper's weights are here. The images are the bundled ones, the recipe is that of the candidates,
so a network looks as good as the search thought it was. Imports torch, and TensorFlow to convert.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from nas.data.bundled import cache_folder
from nas.data.patches import CALIBRATION_LR_SIZE
from nas.data.sets import Dataset, load_dataset
from nas.errors import UsageError
from nas.graph import Graph, to_text, violations
from nas.quantize.quiet import quiet
from nas.quantize.refit import quantize
from nas.quantize.stored import is_stored, store
from nas.readers.weights import Weights
from nas.search.effort import SEARCH
from nas.search.evaluation import Evaluator
from nas.search.folder import whole_folder, why
from nas.search.source import source_digest

__all__ = ["CHUNKS", "OnTheSpot"]

CHUNKS = 20  # parts of a training that are told
_SEED = 0


class OnTheSpot:
    """A network and where its weights are kept.

    Args:
        name: Begins the name of the folder.
        graph: The network, of any whole scale.
    """

    def __init__(self, name: str, graph: Graph) -> None:
        self._graph = graph
        self._dataset = load_dataset("bundled", scale=graph.scale, lr_patch=CALIBRATION_LR_SIZE)
        self.folder = cache_folder() / "networks" / f"{name}-{_key(graph, self._dataset)}"

    @property
    def is_there(self) -> bool:
        """Whether it was trained before."""
        return is_stored(self.folder)

    def train(self) -> Iterator[int]:
        """Trains and writes `folder`: graph, weights, and `model.tflite` where INT8 can run it.

        Yields:
            Steps done, `CHUNKS` times.

        Raises:
            UsageError: The cache cannot be written.
        """
        try:
            with whole_folder(self.folder) as partial:
                yield from self._train(partial)
        except OSError as error:
            if not self.is_there:  # else another process was faster
                raise UsageError(
                    f"{self.folder} cannot be written: {why(error)}",
                    "make room there, or set XDG_CACHE_HOME to another folder",
                ) from error

    def _train(self, folder: Path) -> Iterator[int]:
        graph = self._graph
        evaluator = Evaluator(self._dataset, scale=graph.scale, seed=_SEED, effort=SEARCH)
        trainer = evaluator.trainer(graph)
        for chunk in range(1, CHUNKS + 1):
            steps = SEARCH.recipe.steps * chunk // CHUNKS
            trainer.advance(steps)
            if chunk == CHUNKS:
                self._write(folder, trainer.weights(), evaluator)
            yield steps

    def _write(self, folder: Path, weights: Weights, evaluator: Evaluator) -> None:
        graph = self._graph
        if violations(graph):
            store(folder, graph, weights)
            return
        with quiet():  # TensorFlow announces itself
            from nas.export.package import write_package

            write_package(graph, weights, quantize(graph, weights, evaluator.solve_set.lr), folder)


def _key(graph: Graph, dataset: Dataset) -> str:
    """Of everything that decides the weights."""
    decides = [to_text(graph), dataset.digest, SEARCH.recipe, _SEED, source_digest()]
    return hashlib.sha256(repr(decides).encode()).hexdigest()[:16]
