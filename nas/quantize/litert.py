"""Running a TensorFlow Lite file with LiteRT, and reading what is in it."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from nas.quantize.quiet import quiet

__all__ = ["op_names", "run_tflite", "tensor_types"]


def run_tflite(model: bytes | Path, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """uint8 (n, h, w, c) -> uint8 (n, scale h, scale w, c), image by image."""
    interpreter = _interpreter(model)
    entry = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(entry, [1, *images.shape[1:]])
    with quiet():  # it announces its delegates
        interpreter.allocate_tensors()
    leave = interpreter.get_output_details()[0]["index"]
    outputs = []
    for image in images:
        interpreter.set_tensor(entry, image[None])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(leave)[0].copy())
    return np.stack(outputs)


def op_names(model: bytes | Path) -> tuple[str, ...]:
    """Names of the ops in execution order, delegates not counted."""
    return tuple(op["op_name"] for op in _interpreter(model)._get_ops_details())


def tensor_types(model: bytes | Path) -> frozenset[str]:
    """Names of the data types of all tensors."""
    details = _interpreter(model).get_tensor_details()
    return frozenset(np.dtype(tensor["dtype"]).name for tensor in details)


def _interpreter(model: bytes | Path) -> Interpreter:
    content = model if isinstance(model, bytes) else model.read_bytes()
    return Interpreter(model_content=content, num_threads=1)
