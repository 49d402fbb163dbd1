"""Runs ONNX files with onnxruntime, which the package itself does not need."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

__all__ = ["run_onnx"]


def run_onnx(model: Any, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The "upscaled" of a file, or of an `onnx.ModelProto`, for one batch."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Without it, processors that have no VNNI saturate sums of products of codes.
    options.add_session_config_entry("session.x64quantprecision", "1")
    content = model.read_bytes() if isinstance(model, Path) else model.SerializeToString()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    (found,) = session.run(["upscaled"], {"image": np.ascontiguousarray(image)})
    return np.asarray(found)
