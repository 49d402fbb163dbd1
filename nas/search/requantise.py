"""The quantised weights of a finalist whose run kept none, found again.

Imports torch and TensorFlow.
"""

from pathlib import Path

import numpy as np

from nas.errors import RunError
from nas.export.check_set import make_check_set
from nas.export.layout import INT8_TFLITE
from nas.export.tflite_content import read_content
from nas.quantize.convert import to_tflite
from nas.quantize.litert import run_tflite
from nas.quantize.refit import quantize
from nas.quantize.stored import StoredNetwork, load_stored
from nas.search.bench import TrainingBench
from nas.search.config import read_config
from nas.search.images import load_images

__all__ = ["requantise"]


def requantise(run: Path, finalist: Path) -> StoredNetwork:
    """Quantises a finalist as its run did, and makes sure that it is what the run measured.

    Args:
        run: Run folder.
        finalist: Its folder with weights and `model.tflite`.

    Raises:
        RunError: The images of the run are not there any more, or another file comes out.
    """
    config, facts = read_config(run)
    dataset = load_images(config, lambda line: None)  # the search named them already
    hint = "export it without --size, --free-size and --onnx from a run that keeps its weights"
    if dataset.digest != facts.get("data_digest"):
        raise RunError(f"the images of run {run} have changed since it quantised on them", hint)
    stored = load_stored(finalist)
    bench = TrainingBench(dataset, scale=config.scale, seed=config.seed)
    weights, grid = quantize(stored.graph, stored.weights, bench.solve_set.lr)
    made = (finalist / INT8_TFLITE).read_bytes()
    size = read_content(made).size
    height, width = size or (None, None)
    again = to_tflite(stored.graph, weights, grid, height=height, width=width)
    for image in make_check_set(config.scale).placed(size):
        if not np.array_equal(run_tflite(made, image[None]), run_tflite(again, image[None])):
            raise RunError(f"{finalist} cannot be quantised again as it was", hint)
    return StoredNetwork(stored.graph, weights, grid)
