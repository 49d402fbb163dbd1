"""The files of a finalist, the core of a package: Keras model, uint8 TFLite file, graph, weights.

The Keras model holds the weights as trained, the TFLite file those that quantisation chose for the
same network. Both are run from the files as they were written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from nas.errors import NasError
from nas.graph import Graph
from nas.quantize.convert import to_tflite
from nas.quantize.litert import run_tflite, tensor_types
from nas.quantize.scheme import Grid
from nas.quantize.stored import store
from nas.readers.to_keras import to_keras
from nas.readers.weights import Weights

__all__ = ["Package", "write_package"]


@dataclass(frozen=True, slots=True)
class Package:
    """The files of one network.

    Args:
        keras_model: `model.keras`, float, any input size.
        tflite_model: `model.tflite`, uint8 in and out, fixed input size.
    """

    keras_model: Path
    tflite_model: Path

    def run_keras(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """(n, h, w, c) uint8 -> (n, scale h, scale w, c) in 0..1, from the file as saved."""
        network = keras.saving.load_model(self.keras_model, compile=False)
        return np.asarray(network(images.astype(np.float32) / 255))

    def run_litert(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """(n, h, w, c) -> (n, scale h, scale w, c), from the file as saved."""
        return run_tflite(self.tflite_model, images)


def write_package(
    graph: Graph,
    trained: Weights,
    deployed: tuple[Weights, Sequence[Grid]],
    folder: Path,
    *,
    input_size: tuple[int, int] = (360, 640),
) -> Package:
    """Writes `model.keras`, `model.tflite`, `graph.txt` and `weights.safetensors`.

    Args:
        graph: The network.
        trained: Float weights.
        deployed: Weights and the grid of each node, from `quantize`.
        folder: Exists; files in it are replaced.
        input_size: Height and width of the TFLite input, in pixels.

    Raises:
        NasError: The converter left a float tensor in the file.
    """
    package = Package(folder / "model.keras", folder / "model.tflite")
    to_keras(graph, trained).save(package.keras_model)
    height, width = input_size
    package.tflite_model.write_bytes(to_tflite(graph, *deployed, height=height, width=width))
    types = tensor_types(package.tflite_model)
    if not types <= {"int8", "uint8", "int32"}:
        raise NasError(f"{package.tflite_model} is not full-integer, it has {sorted(types)}")
    store(folder, graph, trained)
    return package
