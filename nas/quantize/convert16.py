"""A TensorFlow Lite file with int16 activations and int8 weights.

The converter takes no int16 grids from fake-quantisation nodes (its concatenation has none), so it
calibrates on images by itself, from the least to the greatest value, which at 16 bits loses
nothing. It knows no int16 kernel of some ops, as of depth-to-space; these compute in float between
a DEQUANTIZE and a QUANTIZE. Image and output are float, 0..1.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from nas.graph import Graph
from nas.quantize.calibration import Images, batches
from nas.quantize.quiet import quiet
from nas.quantize.simulate import narrow_weights
from nas.readers.to_keras import to_keras
from nas.readers.weights import Weights

__all__ = ["to_tflite_16x8"]


def to_tflite_16x8(
    graph: Graph,
    weights: Weights,
    images: Images,
    *,
    height: int,
    width: int,
    per_channel: bool = True,
) -> bytes:
    """The converted file.

    Args:
        graph: The network.
        weights: Float weights; the converter rounds them.
        images: Representative images, (n, c, h, w) in 0..1.
        height: Of the input image, in pixels.
        width: Of the input image, in pixels.
        per_channel: Whether each output channel of a kernel has a scale of its own.

    Returns:
        Flatbuffer from float (1, height, width, channels) in 0..1 to the upscaled image.
    """
    network = to_keras(graph, narrow_weights(graph, weights), height=height, width=width)
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
        tf.lite.OpsSet.TFLITE_BUILTINS,
    ]
    converter.representative_dataset = lambda: ([x] for x in _canvases(images, height, width))
    converter._experimental_disable_per_channel = not per_channel
    with quiet():
        return bytes(converter.convert())


def _canvases(images: Images, height: int, width: int) -> Iterator[npt.NDArray[np.float32]]:
    """The images side by side in canvases (1, height, width, c), cut off where they are larger."""
    for batch in batches(images):
        tiles = batch.permute(0, 2, 3, 1).numpy()
        down, across = -(-height // tiles.shape[1]), -(-width // tiles.shape[2])
        for begin in range(0, len(tiles), down * across):
            chosen = [tiles[(begin + i) % len(tiles)] for i in range(down * across)]
            rows = [chosen[row * across : (row + 1) * across] for row in range(down)]
            canvas = np.concatenate([np.concatenate(row, axis=1) for row in rows])
            yield np.ascontiguousarray(canvas[None, :height, :width])
