"""8-bit images as the numbers of a file, and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.data.resample import upscale_bicubic
from nas.errors import UsageError
from nas.evaluate.ends import End, choose_ends, float_ends, integer_end

ALL = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)

ENDS = [  # what a file says, what it means, and how 0, 100 and 255 are written
    (integer_end("uint8", 1 / 255, 0), 1, [0, 100, 255]),
    (integer_end("int8", 1 / 255, -128), 1, [-128, -28, 127]),
    (integer_end("uint8", 1.0, 0), 255, [0, 100, 255]),
    (integer_end("int8", 1.0, -128), 255, [-128, -28, 127]),
    (integer_end("uint8", 2.0, 7), 255, [7, 57, 135]),  # 255 / 2 = 127.5, to even
    (integer_end("uint8", 0.0, 0), 255, [0, 100, 255]),  # no grid: the codes themselves
    (integer_end("int16", 1 / 32768, 0), 1, [0, 12850, 32767]),
    (integer_end("uint8", 0.005, 20), 1, [20, 98, 220]),  # 100 / 255 / 0.005 = 78.4
    (float_ends(1)[0], 1, [0.0, np.float32(100 / 255), 1.0]),
    (float_ends(255)[0], 255, [0.0, 100.0, 255.0]),
]


@pytest.mark.parametrize(("end", "white", "codes"), ENDS, ids=str)
def test_known_values(end: End, white: int, codes: list[float]) -> None:
    written = end.encode(np.array([0, 100, 255], np.uint8))
    assert (end.white, written.dtype.name, written.tolist()) == (white, end.dtype, codes)


@pytest.mark.parametrize("end", [end for end, _, _ in ENDS if end.scale not in (2.0, 0.005)])
def test_fine_grids_keep_every_image(end: End) -> None:
    np.testing.assert_array_equal(end.decode(end.encode(ALL)), ALL)


@given(st.floats(1 / 400, 1 / 200), st.integers(0, 40))
def test_any_grid_keeps_values_to_half_a_step(scale: float, zero_point: int) -> None:
    end = integer_end("uint8", scale, zero_point)
    inside = ALL[(255 - zero_point) * scale >= ALL / 255]
    error = np.abs(end.decode(end.encode(inside)).astype(int) - inside)
    assert error.max() <= 255 * scale / 2 + 0.5


def test_what_lies_outside_is_limited() -> None:
    assert float_ends(1)[0].decode(np.array([-0.2, 1.7, 0.5])).tolist() == [0, 255, 128]
    assert integer_end("int8", 1 / 100, -28).decode(np.int8([-128, 127])).tolist() == [0, 255]


@pytest.mark.parametrize(
    ("dtype", "scale", "message"),
    [("int8", 0.0, "its images are int8 without a scale"), ("int64", 1.0, "its images are int64")],
)
def test_other_types_are_refused(dtype: str, scale: float, message: str) -> None:
    with pytest.raises(UsageError, match=f"^{message} \\(use one of uint8, int8, int16, float32"):
        integer_end(dtype, scale, 0)


def bicubic_with(offset: float, white: int):  # type: ignore[no-untyped-def]
    """A network for images of 0..`white`: an offset goes in and out, what is above is cut."""

    def attempt(image: np.ndarray) -> np.ndarray:
        shown = np.clip(image[0] * 255 / white + offset, 0, 255)
        large = upscale_bicubic(np.rint(shown).astype(np.uint8), 2)
        return (large[None] - offset) * white / 255

    return attempt


@pytest.mark.parametrize("white", [1, 255])
@pytest.mark.parametrize("size", [None, (20, 31), (64, 90)])
def test_range_of_floats_is_found_by_trying(white: int, size: tuple[int, int] | None) -> None:
    attempt = bicubic_with(0.0 if white == 1 else 3.0, white)
    ends = choose_ends(attempt, float_ends(None), float_ends(None), scale=2, size=size)
    assert [end.white for end in ends] == [white, white]


def test_of_equal_ranges_the_first_is_taken() -> None:
    def linear(image: np.ndarray) -> np.ndarray:
        return image.repeat(2, axis=1).repeat(2, axis=2)

    ends = choose_ends(linear, float_ends(None), float_ends(None), scale=2, size=None)
    assert [end.white for end in ends] == [1, 1]


def test_a_known_range_is_not_tried() -> None:
    def never(image: np.ndarray) -> np.ndarray:
        raise AssertionError

    known = integer_end("uint8", 1 / 255, 0)
    assert choose_ends(never, [known], float_ends(255), scale=2, size=None) == (
        known,
        End("float32", 255),
    )
