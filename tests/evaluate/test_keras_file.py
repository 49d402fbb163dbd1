"""Keras files of free and of fixed size."""

from pathlib import Path

import keras
import numpy as np
import pytest

from nas.errors import UsageError
from nas.evaluate.upscaler import Upscaler, load_upscaler
from nas.readers.to_keras import to_keras
from tests.evaluate.conftest import HEIGHT, WIDTH, graph_of, photograph, save_keras, weights_of


def saved(folder: Path, network: keras.Model) -> Path:
    return save_keras(network, folder / "a.keras")


def opened(folder: Path, network: keras.Model) -> Upscaler:
    return load_upscaler(saved(folder, network))


def by_keras(kind: str, image: np.ndarray) -> np.ndarray:
    network = to_keras(graph_of(kind), weights_of(kind))
    return np.asarray(network(image[None] / np.float32(255)))[0] * 255


@pytest.mark.parametrize("size", [(None, None), (HEIGHT, WIDTH)])
@pytest.mark.parametrize("kind", ["plain", "resized"])
def test_free_and_fixed_sizes_give_the_same(
    kind: str, size: tuple[int | None, int | None], tmp_path: Path
) -> None:
    image = photograph(41, 53)
    network = to_keras(graph_of(kind), weights_of(kind), height=size[0], width=size[1])
    upscale = opened(tmp_path, network)
    assert (upscale.scale, upscale.how) == (3, "Keras, float32 0..1 to float32 0..1")
    assert np.abs(upscale(image) - by_keras(kind, image)).max() <= 0.51


def test_an_odd_image_in_a_network_of_half_resolution_is_continued(tmp_path: Path) -> None:
    image = photograph(33, 41)
    continued = np.pad(image, ((0, 1), (0, 1), (0, 0)), mode="reflect")
    made = opened(tmp_path, to_keras(graph_of("halved"), weights_of("halved")))(image)
    expected = by_keras("halved", continued)[: 3 * 33, : 3 * 41]
    assert np.abs(made - expected).max() <= 0.51


def test_tiles_of_a_fixed_size_begin_where_half_resolution_does(tmp_path: Path) -> None:
    graph = graph_of("halved")
    network = to_keras(graph, weights_of("halved"), height=HEIGHT, width=WIDTH)
    upscale = opened(tmp_path, network)
    image = photograph(48, 70)
    assert upscale.run.fit.tiling.stride == 2  # type: ignore[attr-defined]
    assert np.abs(upscale(image) - by_keras("halved", image)).max() <= 0.51


def test_range_is_tried_or_given(tmp_path: Path) -> None:
    image = keras.Input((None, None, 3))
    inner = to_keras(graph_of("plain"), weights_of("plain"))
    file = saved(tmp_path, keras.Model(image, inner(image / 255) * 255))
    assert load_upscaler(file).how == "Keras, float32 0..255 to float32 0..255"
    assert load_upscaler(file, white=1).how == "Keras, float32 0..1 to float32 0..1"


def test_a_network_that_averages_over_the_image_is_not_cut(tmp_path: Path) -> None:
    image = keras.Input((24, 32, 3))
    x = keras.layers.Conv2D(12, 3, padding="same")(image)
    gate = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
    upscale = opened(tmp_path, keras.Model(image, keras.ops.depth_to_space(x * gate, 2)))
    assert upscale(photograph(24, 32)).shape == (48, 64, 3)
    message = "averages over the whole image, and runs 24x32 pixels, not 40x50"
    with pytest.raises(UsageError, match=message):
        upscale(photograph(40, 50))


def layers(*shape: int, out: int = 12) -> keras.Model:
    image = keras.Input(shape)
    x = keras.layers.Conv2D(out, 3, padding="same")(image)
    return keras.Model(image, keras.ops.depth_to_space(x, 2))


def two_inputs() -> keras.Model:
    one, other = keras.Input((24, 32, 3)), keras.Input((24, 32, 3))
    return keras.Model([one, other], one + other)


REFUSED = [
    (lambda: layers(3, 24, 32), "its input ?x3x24x32 has the channels first"),
    (lambda: layers(24, 32, 1), "its input ?x24x32x1 is no RGB image"),
    (lambda: layers(24, 32, 3, out=16), "it makes ?x48x64x4 of an image of 24x32 pixels"),
    (two_inputs, "it has 2 inputs and 1 outputs"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_what_is_no_upscaler_is_refused(make, message: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError) as caught:
        opened(tmp_path, make())
    assert caught.value.message.startswith(f"{tmp_path / 'a.keras'}: {message}")


def test_code_in_a_file_does_not_run(tmp_path: Path) -> None:
    image = keras.Input((24, 32, 3))
    file = saved(tmp_path, keras.Model(image, keras.layers.Lambda(lambda x: x * 2)(image)))
    with pytest.raises(UsageError, match="Keras cannot open it: "):
        load_upscaler(file)


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    file = saved(tmp_path, layers(24, 32, 3))
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(UsageError, match="it is a damaged archive"):
        load_upscaler(file)
