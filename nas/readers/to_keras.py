"""A graph as a Keras model (NHWC) of built-in layers and `keras.ops` only.

Nothing here is a custom object, so `keras.saving.load_model` opens a saved model in safe mode on a
machine without `nas`. Grouped convolutions become channel slices, one plain convolution a group,
and a concat: the form that mobile NPUs run.
"""

from collections.abc import Callable
from typing import Any

import keras

from nas.graph import (
    Add,
    BatchNorm,
    Clip,
    Concat,
    Conv2d,
    DepthToSpace,
    GlobalAveragePool,
    Graph,
    Input,
    LeakyRelu,
    Multiply,
    NearestConv2d,
    Prelu,
    Relu,
    Repeat,
    ResizeBicubic,
    ResizeNearest,
    Sigmoid,
    Slice,
    SpaceToDepth,
    Tanh,
    TransposedConv2d,
)
from nas.graph.ops import NORM_EPSILON
from nas.readers.table import OpTable
from nas.readers.weights import Weights, group_kernels, nearest_kernel, weight_nodes

__all__ = ["keras_of", "to_keras"]

keras_of = OpTable[Any]("to_keras")
"""(op, name, *inputs) -> output, each a KerasTensor."""


@keras_of.on(Input)
def keras_input(op: Input, name: str, x: Any) -> Any:
    return x


@keras_of.on(Conv2d)
def keras_conv(op: Conv2d, name: str, x: Any) -> Any:
    size = x.shape[-1] // op.groups
    parts = []
    for group in range(op.groups):
        part = x if op.groups == 1 else x[..., group * size : (group + 1) * size]
        layer = keras.layers.Conv2D(
            op.features // op.groups,
            op.kernel,
            strides=op.stride,
            padding="same",
            use_bias=op.bias,
            activation="relu" if op.activation == "relu" else None,
            name=name if op.groups == 1 else f"{name}_group{group}",
        )
        parts.append(layer(part))
    return parts[0] if op.groups == 1 else keras.layers.Concatenate(name=name)(parts)


@keras_of.on(TransposedConv2d)
def keras_transposed_conv(op: TransposedConv2d, name: str, x: Any) -> Any:
    return keras.layers.Conv2DTranspose(
        op.features, op.kernel, strides=op.stride, padding="same", name=name
    )(x)


@keras_of.on(BatchNorm)
def keras_batch_norm(op: BatchNorm, name: str, x: Any) -> Any:
    return keras.layers.BatchNormalization(epsilon=NORM_EPSILON, name=name)(x)


@keras_of.on(NearestConv2d)
def keras_nearest(op: NearestConv2d, name: str, x: Any) -> Any:
    features = x.shape[-1] * op.block**2
    return keras.layers.Conv2D(features, 1, use_bias=False, trainable=False, name=name)(x)


@keras_of.on(Repeat)
def keras_repeat(op: Repeat, name: str, x: Any) -> Any:
    return keras.layers.Concatenate(name=name)([x] * op.times)


@keras_of.on(Slice)
def keras_slice(op: Slice, name: str, x: Any) -> Any:
    return x[..., op.begin : op.begin + op.size]


@keras_of.on(Concat)
def keras_concat(op: Concat, name: str, *xs: Any) -> Any:
    return keras.layers.Concatenate(name=name)(list(xs))


@keras_of.on(Add)
def keras_add(op: Add, name: str, a: Any, b: Any) -> Any:
    return keras.layers.Add(name=name)([a, b])


@keras_of.on(Relu)
def keras_relu(op: Relu, name: str, x: Any) -> Any:
    return keras.layers.ReLU(name=name)(x)


@keras_of.on(Multiply)
def keras_multiply(op: Multiply, name: str, a: Any, b: Any) -> Any:
    return keras.layers.Multiply(name=name)([a, b])


@keras_of.on(LeakyRelu)
def keras_leaky_relu(op: LeakyRelu, name: str, x: Any) -> Any:
    return keras.layers.LeakyReLU(negative_slope=op.slope, name=name)(x)


@keras_of.on(Prelu)
def keras_prelu(op: Prelu, name: str, x: Any) -> Any:
    shared_axes = [1, 2, 3] if op.shared else [1, 2]
    return keras.layers.PReLU(shared_axes=shared_axes, name=name)(x)


@keras_of.on(Tanh)
def keras_tanh(op: Tanh, name: str, x: Any) -> Any:
    return keras.layers.Activation("tanh", name=name)(x)


@keras_of.on(Sigmoid)
def keras_sigmoid(op: Sigmoid, name: str, x: Any) -> Any:
    return keras.layers.Activation("sigmoid", name=name)(x)


@keras_of.on(GlobalAveragePool)
def keras_pool(op: GlobalAveragePool, name: str, x: Any) -> Any:
    return keras.layers.GlobalAveragePooling2D(keepdims=True, name=name)(x)


@keras_of.on(SpaceToDepth)
def keras_space_to_depth(op: SpaceToDepth, name: str, x: Any) -> Any:
    return keras.ops.space_to_depth(x, op.block, data_format="channels_last")


@keras_of.on(ResizeNearest)
def keras_resize_nearest(op: ResizeNearest, name: str, x: Any) -> Any:
    if x.shape[1] is None or x.shape[2] is None:
        return keras.layers.UpSampling2D(op.factor, interpolation="nearest", name=name)(x)
    size = (x.shape[1] * op.factor, x.shape[2] * op.factor)  # one op in a file, not a dozen
    return keras.layers.Resizing(*size, interpolation="nearest", name=name)(x)


@keras_of.on(ResizeBicubic)
def keras_resize_bicubic(op: ResizeBicubic, name: str, x: Any) -> Any:
    return keras.layers.UpSampling2D(op.factor, interpolation="bicubic", name=name)(x)


@keras_of.on(Clip)
def keras_clip(op: Clip, name: str, x: Any) -> Any:
    # MINIMUM and RELU, as in the published files; `ops.clip` would convert to MAXIMUM instead.
    capped = keras.ops.minimum(x, op.high)
    if op.low == 0.0:
        return keras.layers.ReLU(name=name)(capped)
    return keras.ops.maximum(capped, op.low)


@keras_of.on(DepthToSpace)
def keras_depth_to_space(op: DepthToSpace, name: str, x: Any) -> Any:
    return keras.ops.depth_to_space(x, op.block, data_format="channels_last")


def to_keras(
    graph: Graph,
    weights: Weights,
    *,
    height: int | None = None,
    width: int | None = None,
    on_edge: Callable[[int, int, Any], Any] = lambda reader, source, x: x,
    on_output: Callable[[int, Any], Any] = lambda position, y: y,
) -> keras.Model:
    """The float Keras model of a network.

    Args:
        graph: Any graph; `keras_of` reads every op.
        weights: Of every node that has some, in the common layout.
        height: Of the input, in pixels; None leaves it open.
        width: Of the input, in pixels; None leaves it open.
        on_edge: Wraps what node `reader` reads of node `source`; the converter rounds here.
        on_output: Wraps the output of a node; likewise.

    Returns:
        Model from (batch, height, width, channels) to the upscaled image, range 0..1.
    """
    image = keras.Input((height, width, graph.channels), name="image")
    outputs: list[Any] = []
    for position, node in enumerate(graph.nodes):
        name = _layer_name(graph, position)
        xs = [on_edge(position, i, outputs[i]) for i in node.inputs] or [image]
        outputs.append(on_output(position, keras_of(node.op, name, *xs)))
    network = keras.Model(image, outputs[-1], name=f"nas_{graph.digest}")
    _load(network, graph, weights)
    return network


def _load(network: keras.Model, graph: Graph, weights: Weights) -> None:
    for position, node in enumerate(graph.nodes):
        if isinstance(node.op, NearestConv2d):
            layer = network.get_layer(_layer_name(graph, position))
            layer.set_weights([nearest_kernel(node.op, layer.kernel.shape[2])])
    for position, op, parts in weight_nodes(graph):
        name = _layer_name(graph, position)
        arrays = [weights[f"{position}/{part}"] for part in parts]
        if isinstance(op, Conv2d) and op.groups > 1:
            split = [group_kernels(array, op.groups) for array in arrays]
            for group, pieces in enumerate(zip(*split, strict=True)):
                network.get_layer(f"{name}_group{group}").set_weights(list(pieces))
            continue
        layer = network.get_layer(name)
        shapes = [weight.shape for weight in layer.weights]
        layer.set_weights([a.reshape(shape) for a, shape in zip(arrays, shapes, strict=True)])


def _layer_name(graph: Graph, position: int) -> str:
    return f"{type(graph.nodes[position].op).__name__.lower()}_{position}"
