"""Running a TensorFlow Lite file with LiteRT, and reading what is in it."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from nas.quantize.quiet import quiet

__all__ = ["op_names", "run_tflite", "tensor_types"]


def run_tflite(model: bytes | Path, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """uint8 (n, h, w, c) -> uint8 (n, scale h, scale w, c), image by image.

    The file's own image and output may be uint8, or float in 0..1.
    """
    interpreter = _interpreter(model)
    (entry,), (leave,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(entry["index"], [1, *images.shape[1:]])
    with quiet():  # it announces its delegates
        interpreter.allocate_tensors()
    is_float = entry["dtype"] == np.float32
    outputs = []
    for image in images:
        read = image.astype(np.float32) / 255 if is_float else image
        interpreter.set_tensor(entry["index"], read[None])
        interpreter.invoke()
        y = interpreter.get_tensor(leave["index"])[0]
        outputs.append(np.rint(y.clip(0, 1) * 255).astype(np.uint8) if is_float else y.copy())
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
