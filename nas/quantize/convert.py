"""A full-integer uint8 TensorFlow Lite file, made by TensorFlow's own converter.

The converter is told the grid of each tensor by fake-quantisation nodes (as after
quantisation-aware training), so the file computes what `simulate` computes; left to its own
calibration it would let the grid of a concatenation leak into the uint8 input.
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from nas.graph import Graph
from nas.quantize.quiet import quiet
from nas.quantize.scheme import MOVES, Grid, regrids
from nas.readers.to_keras import to_keras
from nas.readers.weights import Weights

__all__ = ["to_tflite"]


class _OnGrid(keras.layers.Layer):  # type: ignore[misc]
    """Rounds to a grid; after a ReLU, which no image feels, where the image changes grids."""

    def __init__(self, grid: Grid, *, regrid: bool = False) -> None:
        super().__init__()
        self._grid = grid
        self._regrid = regrid

    def call(self, x: Any) -> Any:
        x = tf.nn.relu(x) if self._regrid else x
        return tf.quantization.fake_quant_with_min_max_args(x, self._grid.low, self._grid.high)


def to_tflite(
    graph: Graph, weights: Weights, grid: Sequence[Grid], *, height: int, width: int
) -> bytes:
    """The converted file.

    Args:
        graph: The network.
        weights: Float weights; the converter rounds them per channel.
        grid: Of each node.
        height: Of the input image, in pixels.
        width: Of the input image, in pixels.

    Returns:
        Flatbuffer from uint8 (1, height, width, channels) to the upscaled uint8 image.
    """
    changes = regrids(graph, grid)

    def on_edge(reader: int, source: int, x: Any) -> Any:
        if (reader, source) in changes:
            return _OnGrid(grid[reader], regrid=True)(x)
        return x

    def on_output(position: int, y: Any) -> Any:
        moved = isinstance(graph.nodes[position].op, MOVES)
        return y if moved else _OnGrid(grid[position])(y)

    network = to_keras(
        graph, weights, height=height, width=width, on_edge=on_edge, on_output=on_output
    )
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.uint8
    with quiet():
        return bytes(converter.convert())
