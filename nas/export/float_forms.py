"""The float forms of a network beside `model.keras`: SavedModel and TensorFlow Lite."""

from pathlib import Path

import keras
import tensorflow as tf

from nas.graph import Graph
from nas.quantize.quiet import quiet
from nas.readers.to_keras import to_keras
from nas.readers.weights import Weights

__all__ = ["to_float_tflite", "write_saved_model"]


def write_saved_model(network: keras.Model, folder: Path) -> None:
    """Writes a SavedModel whose function `serve` takes (n, h, w, c) of any size, in 0..1."""
    with quiet():
        network.export(folder, format="tf_saved_model", verbose=False)


def to_float_tflite(graph: Graph, weights: Weights, size: tuple[int, int] | None) -> bytes:
    """A TensorFlow Lite file of float32 weights, images in 0..1.

    Args:
        graph: The network.
        weights: As trained.
        size: Height and width of its input in pixels; None leaves them open.
    """
    height, width = size or (None, None)
    converter = tf.lite.TFLiteConverter.from_keras_model(
        to_keras(graph, weights, height=height, width=width)
    )
    with quiet():
        return bytes(converter.convert())
