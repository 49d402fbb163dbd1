"""A full-integer uint8 TensorFlow Lite file, made by TensorFlow's own converter.

The converter is told the grid of each tensor by fake-quantisation nodes (as after
quantisation-aware training), so the file computes what `simulate` computes; left to its own
calibration it would let the grid of a concatenation leak into the uint8 input.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from nas.errors import IllegalError
from nas.graph import Graph, Tanh
from nas.quantize.quiet import quiet
from nas.quantize.scheme import MOVES, Grid, regrids
from nas.quantize.simulate import narrow_weights
from nas.readers.to_keras import to_keras
from nas.readers.weights import Array, Weights

__all__ = ["to_tflite"]


class _OnGrid(keras.layers.Layer):  # type: ignore[misc]
    """Rounds to a grid; with `rectify` after a ReLU."""

    def __init__(self, grid: Grid, *, rectify: bool = False) -> None:
        super().__init__()
        self._grid = grid
        self._rectify = rectify

    def call(self, x: Any) -> Any:
        x = tf.nn.relu(x) if self._rectify else x
        return tf.quantization.fake_quant_with_min_max_args(x, self._grid.low, self._grid.high)


def to_tflite(
    graph: Graph,
    weights: Weights,
    grid: Sequence[Grid],
    *,
    height: int | None,
    width: int | None,
    per_channel: bool = True,
) -> bytes:
    """The converted file.

    Args:
        graph: The network.
        weights: Float weights; the converter rounds them.
        grid: Of each node, of 8 bits.
        height: Of the input image, in pixels; None leaves it open.
        width: Of the input image, in pixels; None leaves it open.
        per_channel: Whether each output channel of a kernel has a scale of its own.

    Raises:
        IllegalError: A tanh joins tensors of another grid.

    Returns:
        Flatbuffer from uint8 (1, height, width, channels) to the upscaled uint8 image.
    """
    changes = regrids(graph, grid)
    for _, source in changes:
        if isinstance(graph.nodes[source].op, Tanh):
            raise IllegalError(
                f"node {source} of {graph.digest}: the codes of a tanh are 1/128 apart and cannot "
                "join tensors of another grid",
            )

    def on_edge(reader: int, source: int, x: Any) -> Any:
        if (reader, source) in changes:
            # The converter drops a second rounding unless an op stands between; a ReLU changes no
            # image and no sigmoid.
            return _OnGrid(grid[reader], rectify=True)(x)
        return x

    def on_output(position: int, y: Any) -> Any:
        moved = isinstance(graph.nodes[position].op, MOVES)
        return y if moved else _OnGrid(grid[position])(y)

    network = to_keras(
        graph,
        _distinct_biases(narrow_weights(graph, weights)),
        height=height,
        width=width,
        on_edge=on_edge,
        on_output=on_output,
    )
    if not per_channel:
        for layer in network.layers:
            if isinstance(layer, keras.layers.Conv2D | keras.layers.Conv2DTranspose):
                _round_on_one_scale(layer)
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.uint8
    with quiet():
        return bytes(converter.convert())


def _round_on_one_scale(layer: Any) -> None:
    """Has the converter give the kernel of a built convolution one scale.

    Its flag for that is not heard where grids are told by nodes, but a node on the kernel is.
    """
    kernel = layer.kernel
    peak = float(np.abs(kernel.numpy()).max())

    def rounded(self: Any) -> Any:
        return tf.quantization.fake_quant_with_min_max_args(kernel, -peak, peak, narrow_range=True)

    layer.__class__ = type("OneScale", (type(layer),), {"kernel": property(rounded)})


def _distinct_biases(weights: Weights) -> dict[str, Array]:
    """`weights`, where biases that are all one number differ in the last bit of the first.

    The converter keeps such a bias as a single constant and gives every channel the code that is
    right for the first channel's scale only (seen in TensorFlow 2.21).
    """
    found = dict(weights)
    for name, array in weights.items():
        if name.endswith("/bias") and array.size > 1 and array.any() and np.ptp(array) == 0:
            found[name] = array.copy()
            found[name][0] = np.nextafter(array[0], np.float32(np.inf))
    return found
