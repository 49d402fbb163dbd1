"""What is read from the bytes of a TensorFlow Lite file."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.export.tflite_content import read_content
from nas.quantize.litert import op_names, tensor_types
from tests.export.conftest import SIZE


@pytest.mark.parametrize("name", ["model.tflite", "model_float.tflite"])
def test_ops_and_types_are_those_that_litert_tells(whole: Path, name: str) -> None:
    found = read_content((whole / name).read_bytes())
    assert found.ops == op_names(whole / name)
    assert set(found.num_types) == tensor_types(whole / name)
    assert found.size == SIZE
    assert found.custom == ()


def test_counts_of_a_known_network(whole: Path) -> None:
    found = read_content((whole / "model.tflite").read_bytes())
    convolutions = 1 + 2 + 1  # the second has two groups
    assert found.num_ops["CONV_2D"] == convolutions
    assert found.num_ops["DEPTH_TO_SPACE"] == 1
    shapes = sorted(kernel.values.shape for kernel in found.kernels)
    assert shapes == [(4, 3, 3, 4), (4, 3, 3, 4), (8, 3, 3, 3), (27, 3, 3, 8)]
    assert [len(kernel.scales) for kernel in found.kernels] == [
        len(kernel.values) for kernel in found.kernels
    ]
    assert {kernel.values.dtype for kernel in found.kernels} == {np.dtype(np.int8)}


def test_the_image_has_the_codes_of_pixels(whole: Path) -> None:
    found = read_content((whole / "model.tflite").read_bytes())
    for end, shape in ((found.inputs[0], (-1, 32, 48, 3)), (found.outputs[0], (-1, 96, 144, 3))):
        assert (end.dtype, end.shape, end.zero_points) == ("uint8", shape, (0,))
        assert end.scales == (float(np.float32(1 / 255)),)


@pytest.mark.parametrize(
    "content", [b"", b"none", b"\0" * 64, b"\xff" * 4 + b"TFL3" + b"\xff" * 64]
)
def test_what_is_no_such_file_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"^it is (no TensorFlow Lite file|damaged: .+)$"):
        read_content(content)


@given(data=st.data())
def test_any_damage_is_a_value_error_or_read(whole: Path, data: st.DataObject) -> None:
    content = bytearray((whole / "model.tflite").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(8, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    said = "it is damaged: "
    try:
        read_content(bytes(content))
    except ValueError as error:
        said = str(error)
    assert said.startswith("it is damaged: ")
