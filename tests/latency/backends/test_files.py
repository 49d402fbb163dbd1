"""The file that is timed: found again, whole, of the network that was asked for."""

from pathlib import Path

import numpy as np
import pytest

from nas.errors import DeviceError, IllegalError
from nas.graph import Conv2d, Graph, GraphBuilder, Sigmoid
from nas.latency.backends.files import input_size, measurable_file, tensor_bytes
from nas.quantize.litert import op_names, run_tflite, tensor_types


def test_the_file_is_the_network_in_integers(graph: Graph, file: Path) -> None:
    assert file.name == f"{graph.digest}-24x32.tflite"
    assert input_size(file) == (24, 32)
    assert op_names(file).count("CONV_2D") == 2
    assert "float32" not in tensor_types(file)
    upscaled = run_tflite(file, np.zeros((1, 24, 32, 3), np.uint8))
    assert upscaled.shape == (1, 72, 96, 3)


def test_a_file_that_is_there_is_not_made_again(graph: Graph, tmp_path: Path) -> None:
    there = tmp_path / f"{graph.digest}-24x32.tflite"
    there.write_bytes(b"here")
    assert measurable_file(graph, height=24, width=32, folder=tmp_path) == there
    assert there.read_bytes() == b"here"


def test_train_time_forms_share_a_file(graph: Graph, tmp_path: Path) -> None:
    g = GraphBuilder(channels=3)
    first = g.append(Conv2d(4, form="repvgg"), g.input)
    formed = g.graph(first)
    (tmp_path / f"{formed.deployed.digest}-8x8.tflite").write_bytes(b"here")
    assert formed.digest != formed.deployed.digest
    assert measurable_file(formed, height=8, width=8, folder=tmp_path).read_bytes() == b"here"


def test_nothing_is_left_of_an_illegal_network(tmp_path: Path) -> None:
    g = GraphBuilder(channels=3)
    illegal = g.graph(g.chain(g.input, Conv2d(3), Sigmoid()))
    with pytest.raises(IllegalError, match="the output is a sigmoid or tanh"):
        measurable_file(illegal, height=8, width=8, folder=tmp_path / "files")
    assert not (tmp_path / "files").exists()


def test_tensors_have_their_sizes(file: Path) -> None:
    sizes = tensor_bytes(file)
    assert 24 * 32 * 3 in sizes.values()  # the image
    (upscaled,) = {size for name, size in sizes.items() if name.endswith("/DepthToSpace")}
    assert upscaled == 72 * 96 * 3


def test_another_file_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "a.tflite"
    with pytest.raises(DeviceError) as caught:
        input_size(other)
    assert str(caught.value) == f"{other} cannot be read: No such file or directory"
    other.write_text("no file")
    with pytest.raises(DeviceError) as caught:
        tensor_bytes(other)
    assert str(caught.value) == f"{other} is no TensorFlow Lite file"
