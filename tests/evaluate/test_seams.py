"""Real networks give tile by tile what they give of the whole image: not one code differs."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nas.evaluate.tflite_file import tflite_upscaler
from nas.evaluate.tiles import Tiling, in_tiles
from nas.evaluate.torch_network import float_upscaler
from nas.evaluate.upscaler import Upscaler
from nas.graph import Graph
from nas.quantize.calibration import calibrate
from nas.quantize.convert import to_tflite
from nas.quantize.quiet import quiet
from nas.readers.cost import peak_memory_bytes
from nas.readers.reach import read_reach
from nas.readers.to_torch import image_tensor
from nas.readers.weights import Array
from nas.zoo import zoo_graph
from tests.networks import sensible_weights, smooth_images

NETWORKS = ("XCAT", "XLSR", "TinySRNet", "ESPCN-RGBx3")  # groups, concats, half the size, tanh
INTEGER = NETWORKS[:3]
sides = st.integers(60, 190)


@cache
def trained(name: str) -> tuple[Graph, dict[str, Array]]:
    graph = zoo_graph(name).deployed
    return graph, sensible_weights(graph)


@pytest.fixture(scope="module")
def integer_upscalers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Upscaler]:
    folder, found = tmp_path_factory.mktemp("files"), {}
    for name in INTEGER:
        graph, weights = trained(name)
        grid = calibrate(graph, weights, image_tensor(smooth_images(2, 24, 24)))
        with quiet():
            (folder / name).write_bytes(to_tflite(graph, weights, grid, height=48, width=64))
        found[name] = tflite_upscaler(Path(folder / name), name=name, white=None)
    return found


@settings(max_examples=25)
@given(st.sampled_from(INTEGER), sides, sides, st.integers(40, 96), st.integers(40, 96))
def test_integer_network(
    integer_upscalers: dict[str, Upscaler],
    name: str,
    height: int,
    width: int,
    tall: int,
    wide: int,
) -> None:
    upscaler, reach = integer_upscalers[name], read_reach(trained(name)[0])
    image = smooth_images(1, height, width, seed=height + width)[0]
    uncut = upscaler.tiling_of(height, width)
    assert uncut.count(height, width) == 1
    rows, columns = min(tall, uncut.height), min(wide, uncut.width)
    sides = (side - side % reach.stride for side in (rows, columns))
    tiling = Tiling(*sides, int(reach.pixels), reach.stride)
    np.testing.assert_array_equal(
        in_tiles(upscaler.run, image, scale=3, tiling=tiling),
        in_tiles(upscaler.run, image, scale=3, tiling=uncut),
    )


@settings(max_examples=25)
@given(st.sampled_from(NETWORKS), sides, sides, st.integers(83, 130))
def test_float_network(name: str, height: int, width: int, side: int) -> None:
    graph, weights = trained(name)
    image = smooth_images(1, height, width, seed=height + width)[0]
    small = 4 * peak_memory_bytes(graph, side - side % 2, side - side % 2)
    cut = float_upscaler(graph, weights, name=name, most_bytes=small)
    assume(cut.tiling_of(height, width).count(height, width) > 1)
    whole = float_upscaler(graph, weights, name=name)
    assert whole.tiling_of(height, width).count(height, width) == 1
    np.testing.assert_array_equal(cut(image), whole(image))


@pytest.mark.parametrize(("height", "width"), [(190, 190), (10, 1200)])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_smallest_tile_equals_the_whole_to_the_last_bit(
    name: str, height: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph, weights = trained(name)
    monkeypatch.setattr(
        "nas.evaluate.torch_network.in_uint8", lambda y: y.permute(0, 2, 3, 1).numpy()
    )
    upscaler = float_upscaler(graph, weights, name=name, most_bytes=1)
    tiling, image = upscaler.tiling_of(height, width), smooth_images(1, height, width)[0]
    tile = upscaler.run(image[: tiling.height, : tiling.width])
    assert tiling.width < width
    rows = 3 * (tiling.height - (tiling.margin if tiling.height < height else 0))
    columns = 3 * (tiling.width - tiling.margin)
    np.testing.assert_array_equal(tile[:rows, :columns], upscaler.run(image)[:rows, :columns])


def test_a_narrow_image_has_long_tiles() -> None:
    graph, weights = trained("XCAT")
    small = 4 * peak_memory_bytes(graph, 100, 100)
    tiling = float_upscaler(graph, weights, name="", most_bytes=small).tiling_of(9, 4000)
    assert (tiling.height, tiling.width) == (9, 1112)  # 100 * 100 = 9 * 1111.1


@pytest.mark.parametrize("name", INTEGER)
def test_too_narrow_a_margin_is_seen(integer_upscalers: dict[str, Upscaler], name: str) -> None:
    upscaler, reach = integer_upscalers[name], read_reach(trained(name)[0])
    image = smooth_images(1, 120, 150, seed=1)[0]
    tiling = Tiling(64, 64, int(reach.pixels) // 2, reach.stride)
    assert (in_tiles(upscaler.run, image, scale=3, tiling=tiling) != upscaler(image)).any()
