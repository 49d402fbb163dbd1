"""The TensorFlow Lite file that a back-end times, and what can be read from it."""

import os
import tempfile
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from nas.errors import DeviceError
from nas.graph import Graph, check_legal

__all__ = ["input_size", "measurable_file", "tensor_bytes"]


def measurable_file(graph: Graph, *, height: int, width: int, folder: Path) -> Path:
    """The full-integer uint8 file of a network with random weights, on which no time depends.

    Args:
        graph: The network; a train-time form is replaced by its plain convolution.
        height: Of the input, in pixels.
        width: Of the input, in pixels.
        folder: Where the file lies or is written, whole or not at all; made if it is not there.

    Raises:
        IllegalError: It cannot be an integer file.
    """
    graph = graph.deployed
    file = folder / f"{graph.digest}-{height}x{width}.tflite"
    if not file.is_file():
        content = _convert(graph, height=height, width=width)
        folder.mkdir(parents=True, exist_ok=True)
        _write_whole(file, content)
    return file


def input_size(file: Path) -> tuple[int, int]:
    """Height and width of the image that a file reads, in pixels.

    Raises:
        DeviceError: It is no TensorFlow Lite file, or reads no image.
    """
    shape = [int(side) for side in _open(file).get_input_details()[0]["shape"]]
    if len(shape) != 4:
        raise DeviceError(f"{file} reads no image (1, height, width, channels) but {shape}")
    return shape[1], shape[2]


def tensor_bytes(file: Path) -> dict[str, int]:
    """Size of each tensor of a file by its name.

    Raises:
        DeviceError: It is no TensorFlow Lite file.
    """
    return {
        tensor["name"]: prod(int(side) for side in tensor["shape"])
        * np.dtype(tensor["dtype"]).itemsize
        for tensor in _open(file).get_tensor_details()
    }


def _open(file: Path) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    try:
        return Interpreter(model_content=file.read_bytes())
    except OSError as error:
        raise DeviceError(f"{file} cannot be read: {error.strerror}") from None
    except ValueError:
        raise DeviceError(f"{file} is no TensorFlow Lite file") from None


def _convert(graph: Graph, *, height: int, width: int) -> bytes:
    import torch

    from nas.quantize.calibration import calibrate
    from nas.quantize.convert import to_tflite
    from nas.readers.weights import random_weights

    check_legal(graph)
    weights = random_weights(graph, seed=0)
    image = torch.rand(1, graph.channels, 24, 24, generator=torch.Generator().manual_seed(0))
    return to_tflite(graph, weights, calibrate(graph, weights, image), height=height, width=width)


def _write_whole(file: Path, content: bytes) -> None:
    """Writes beside the target and renames, so that two writers do not disturb each other."""
    handle, name = tempfile.mkstemp(dir=file.parent, suffix=".tmp")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
