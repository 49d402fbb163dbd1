"""Tiles give what the whole image gives, wherever their margin is wide enough."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.evaluate.tiles import Tiling, in_pieces, in_tiles, pad_to, whole
from nas.evaluate.upscaler import upscale_nearest


def blurred(image: np.ndarray) -> np.ndarray:
    """A network of scale 2 that looks two pixels far, with zeros beyond the border."""
    padded = np.pad(image.astype(int), ((2, 2), (2, 2), (0, 0)))
    height, width = image.shape[:2]
    total = sum(padded[y : y + height, x : x + width] for y in range(5) for x in range(5))
    return upscale_nearest((total // 25).astype(np.uint8), 2)


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * 99 + width).integers(0, 256, (height, width, 3), np.uint8)


@given(st.integers(7, 40), st.integers(9, 40), st.integers(2, 3))
def test_tiles_equal_the_whole_image(height: int, width: int, margin: int) -> None:
    image = noise(height, width)
    tiling = Tiling(height=7, width=9, margin=margin)
    np.testing.assert_array_equal(in_tiles(blurred, image, scale=2, tiling=tiling), blurred(image))


def test_too_narrow_a_margin_leaves_seams() -> None:
    image = noise(20, 20)
    made = in_tiles(blurred, image, scale=2, tiling=Tiling(9, 9, margin=1))
    assert (made != blurred(image)).any()


@given(st.integers(1, 12), st.integers(1, 12))
def test_an_image_smaller_than_a_tile_is_continued_by_reflection(height: int, width: int) -> None:
    image = noise(height, width)
    made = in_tiles(blurred, image, scale=2, tiling=Tiling(12, 12, margin=2))
    continued = np.pad(image, ((0, 12 - height), (0, 12 - width), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(made, blurred(continued)[: 2 * height, : 2 * width])


@given(st.integers(1, 50), st.integers(1, 50))
def test_tiles_are_whole_and_begin_at_multiples_of_the_stride(height: int, width: int) -> None:
    rows, columns = np.mgrid[:height, :width].astype(np.uint8)
    image = np.stack([rows, columns, rows], axis=2)
    corners = []

    def run(tile: np.ndarray) -> np.ndarray:
        assert tile.shape == (14, 16, 3)
        corners.append(tile[0, 0, :2].tolist())
        return tile

    made = in_tiles(run, image, scale=1, tiling=Tiling(14, 16, margin=3, stride=4))
    np.testing.assert_array_equal(made, image)
    assert all(top % 4 == left % 4 == 0 for top, left in corners)


def test_nothing_left_of_a_tile_is_an_error() -> None:
    with pytest.raises(ValueError, match=re.escape("a margin of 4 leaves nothing of a tile of 8")):
        in_tiles(blurred, noise(20, 20), scale=2, tiling=Tiling(8, 8, margin=4))


def test_padding_reflects_at_the_last_pixel() -> None:
    image = np.array([[1, 2, 3]], np.uint8)[..., None].repeat(3, axis=2)
    assert pad_to(image, 2, 5)[..., 0].tolist() == [[1, 2, 3, 2, 1], [1, 2, 3, 2, 1]]


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 3), st.sampled_from([1, 2, 4]))
def test_pieces_cover_each_pixel_once_and_are_as_many_as_counted(
    height: int, width: int, margin: int, stride: int
) -> None:
    image, tiling = noise(height, width), Tiling(12, 16, margin, stride)
    covered = np.zeros((2 * height, 2 * width), int)
    pieces = list(in_pieces(lambda tile: upscale_nearest(tile, 2), image, scale=2, tiling=tiling))
    for piece in pieces:
        rows, columns = piece.pixels.shape[:2]
        covered[piece.top : piece.top + rows, piece.left : piece.left + columns] += 1
    assert (covered == 1).all()
    assert tiling.count(height, width) == len(pieces)


def test_a_photograph_takes_so_many_tiles() -> None:
    tiling = Tiling(360, 640, margin=6)
    assert tiling.count(360, 640) == 1
    assert tiling.count(361, 640) == 2
    assert tiling.count(3000, 4000) == 9 * 7  # 1 + 2640 / 348 rounded up, 1 + 3360 / 628 rounded up


def test_an_uncut_image_is_one_tile_that_the_stride_divides() -> None:
    assert whole(9, 16, 4) == Tiling(12, 16, margin=0, stride=4)
    assert whole(9, 16, 4).count(9, 16) == 1
