"""TensorFlow Lite files of any type and size, on images of any size."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from nas.errors import UsageError
from nas.evaluate.tflite_file import tflite_upscaler
from nas.evaluate.tiles import Tiling, in_tiles
from nas.evaluate.upscaler import Upscaler, load_upscaler
from nas.graph import to_text
from nas.quantize.litert import run_tflite
from nas.quantize.quiet import quiet
from nas.quantize.stored import store
from nas.readers.to_keras import to_keras
from tests.evaluate.conftest import (
    HEIGHT,
    KINDS,
    WIDTH,
    file_of,
    graph_of,
    photograph,
    weights_of,
)
from tests.networks import smooth_images

ODD = (47, 70)  # of an image; even at least where the network works at half resolution


def opened(folder: Path, content: bytes, name: str = "a.tflite") -> Upscaler:
    (folder / name).write_bytes(content)
    return load_upscaler(folder / name)


def reference(kind: str, image: np.ndarray) -> np.ndarray:
    """By a file that was converted for the size of the image."""
    return run_tflite(file_of(kind, *image.shape[:2]), image[None])[0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_one_size_runs_images_of_any_size(kind: str, tmp_path: Path) -> None:
    image = photograph(48, 70)
    upscale = opened(tmp_path, file_of(kind))
    assert (upscale.scale, upscale.how) == (3, "LiteRT, uint8 0..1 to uint8 0..1")
    np.testing.assert_array_equal(upscale(image), reference(kind, image))


@pytest.mark.parametrize(("kind", "margin"), [("plain", 4), ("resized", 3), ("halved", 6)])
def test_tiles_of_a_converted_file_equal_the_whole_image(kind: str, margin: int) -> None:
    image = photograph(48, 70)
    sizes = set()

    def run(tile: np.ndarray) -> np.ndarray:
        sizes.add(tile.shape)
        return run_tflite(file_of(kind), tile[None])[0]

    tiling = Tiling(HEIGHT, WIDTH, margin, stride=2 if kind == "halved" else 1)
    made = in_tiles(run, image, scale=3, tiling=tiling)
    np.testing.assert_array_equal(made, reference(kind, image))
    assert sizes == {(HEIGHT, WIDTH, 3)}


def test_tiles_with_too_narrow_a_margin_show_seams() -> None:
    image = photograph(48, 70)
    made = in_tiles(
        lambda tile: run_tflite(file_of("plain"), tile[None])[0],
        image,
        scale=3,
        tiling=Tiling(HEIGHT, WIDTH, margin=1),
    )
    assert (made != reference("plain", image)).any()


def test_a_smaller_image_in_a_file_that_cannot_be_resized_is_continued(tmp_path: Path) -> None:
    image = photograph(15, 40)
    made = opened(tmp_path, file_of("resized"))(image)
    continued = np.pad(image, ((0, HEIGHT - 15), (0, 0), (0, 0)), mode="reflect")
    expected = reference("resized", continued)[: 3 * 15]
    np.testing.assert_array_equal(made, expected)


def test_an_odd_image_in_a_network_of_half_resolution_is_continued(tmp_path: Path) -> None:
    image = photograph(33, 41)
    continued = np.pad(image, ((0, 1), (0, 1), (0, 0)), mode="reflect")
    made = opened(tmp_path, file_of("halved"))(image)
    np.testing.assert_array_equal(made, reference("halved", continued)[: 3 * 33, : 3 * 41])


def test_the_graph_beside_a_file_says_how_far_it_looks(package: Path, tmp_path: Path) -> None:
    def margin(file: Path) -> int:
        upscaler = tflite_upscaler(file, name="", white=None)
        return upscaler.run.fit.tiling.margin  # type: ignore[attr-defined, no-any-return]

    (tmp_path / "foreign.tflite").write_bytes(file_of("plain"))
    assert (package / "graph.txt").read_text() == to_text(graph_of("plain")) + "\n"
    assert margin(package / "model.tflite") == 4
    assert margin(tmp_path / "foreign.tflite") == min(32, HEIGHT // 4)


def test_tiles_of_which_nothing_would_be_left_are_refused(tmp_path: Path) -> None:
    store(tmp_path, graph_of("resized"), weights_of("resized"))
    upscale = opened(tmp_path, file_of("resized", 6, 6), "model.tflite")  # it looks 3 pixels far
    assert upscale(photograph(6, 5)).shape == (18, 15, 3)
    with pytest.raises(UsageError, match="looks 3 pixels far, so tiles of 6x6 give none of a larg"):
        upscale(photograph(6, 7))


def test_a_small_file_that_can_be_resized_is_run_in_larger_tiles(tmp_path: Path) -> None:
    store(tmp_path, graph_of("plain"), weights_of("plain"))
    upscale = opened(tmp_path, file_of("plain", 8, 12), "model.tflite")  # it looks 4 pixels far
    tiling = upscale.tiling_of(1000, 1000)
    assert (tiling.height, tiling.width, tiling.margin) == (16, 16, 4)


Representative = Callable[[], list[list[np.ndarray]]]


def converted(network: keras.Model, dtype: tf.DType | None, white: int = 1) -> bytes:
    """As anybody would convert; integers with the grids of TensorFlow's own calibration."""
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    if dtype is not None:
        images = smooth_images(4, HEIGHT, WIDTH).astype(np.float32) * white / 255
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: [[image[None]] for image in images]
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = dtype
    with quiet():
        return bytes(converter.convert())


def network_of(white: int, size: tuple[int | None, int | None] = (HEIGHT, WIDTH)) -> keras.Model:
    """The network `plain`, for images of 0..`white`."""
    image = keras.Input((*size, 3))
    inner = to_keras(graph_of("plain"), weights_of("plain"), height=size[0], width=size[1])
    return keras.Model(image, inner(image * (1 / white)) * white)


FOREIGN = [  # type of the ends, white of the network, what is found
    (None, 1, "LiteRT, float32 0..1 to float32 0..1"),
    (None, 255, "LiteRT, float32 0..255 to float32 0..255"),
    (tf.float32, 255, "LiteRT, float32 0..255 to float32 0..255"),
    (tf.int8, 1, "LiteRT, int8 0..1 to int8 0..1"),
    (tf.int8, 255, "LiteRT, int8 0..255 to int8 0..255"),
    (tf.uint8, 255, "LiteRT, uint8 0..255 to uint8 0..255"),
]


@pytest.mark.parametrize(("dtype", "white", "how"), FOREIGN, ids=lambda value: str(value))
def test_a_foreign_file_of_any_type_and_range_upscales_alike(
    dtype: tf.DType | None, white: int, how: str, tmp_path: Path
) -> None:
    upscale = opened(tmp_path, converted(network_of(white), dtype, white))
    image = photograph(31, 45)
    assert upscale.how == how
    near = np.abs(upscale(image).astype(int) - reference("plain", image).astype(int))
    assert np.mean(near) < 5  # grids differ, and a wrong range would be a black or a white image
    assert reference("plain", image).std() > 20


def test_a_range_that_is_given_is_not_tried(tmp_path: Path) -> None:
    (tmp_path / "a.tflite").write_bytes(converted(network_of(1), None))
    found = load_upscaler(tmp_path / "a.tflite", white=255)
    assert found.how == "LiteRT, float32 0..255 to float32 0..255"


def test_a_file_of_free_size_runs_as_it_is(tmp_path: Path) -> None:
    upscale = opened(tmp_path, converted(network_of(1, (None, None)), None))
    image = photograph(31, 45)
    by_keras = np.asarray(network_of(1, (None, None))(image[None] / np.float32(255)))[0]
    error = upscale(image) - by_keras * 255
    assert upscale.scale == 3
    assert np.abs(error).max() <= 0.51


def layers(*shape: int | None, out: int = 12, swapped: bool = False, pooled: bool = False) -> bytes:
    """A file with an input of some shape."""
    image = x = keras.Input(shape)
    if swapped:
        x = keras.ops.transpose(x, (0, 2, 3, 1))
    x = keras.layers.Conv2D(out, 3, padding="same")(x)
    if pooled:
        x = x * keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
    y = keras.ops.depth_to_space(x, 2) if out % 4 == 0 else x
    return converted(keras.Model(image, y), None)


REFUSED = [  # file, the message behind its name
    (lambda: layers(3, 24, 32, swapped=True), "its input ?x3x24x32 has the channels first"),
    (lambda: layers(24, 32, 1), "its input ?x24x32x1 is no RGB image"),
    (lambda: layers(24, 32, 3, out=3), "it makes ?x24x32x3 of an image of 24x32 pixels"),
    (lambda: layers(24, 32, 3, out=16), "it makes ?x48x64x4 of an image of 24x32 pixels"),
    (lambda: file_of("plain")[:700], "LiteRT cannot open it: "),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_what_is_no_upscaler_is_refused(
    make: Callable[[], bytes], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        opened(tmp_path, make())
    assert caught.value.message.startswith(f"{tmp_path / 'a.tflite'}: {message}")
    assert caught.value.hint


def test_a_network_that_averages_over_the_image_is_not_cut(tmp_path: Path) -> None:
    upscale = opened(tmp_path, layers(24, 32, 3, pooled=True))
    assert upscale(photograph(40, 50)).shape == (80, 100, 3)  # resized, as a whole
    assert upscale.run.fit.is_global  # type: ignore[attr-defined]
