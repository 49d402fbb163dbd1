"""What a person may wish of a package."""

from dataclasses import dataclass
from typing import get_args

from nas.readers.onnx_writer import Layout

__all__ = ["LARGEST_EDGE", "LAYOUTS", "SMALLEST_EDGE", "Wishes"]

LAYOUTS: tuple[Layout, ...] = get_args(Layout)
SMALLEST_EDGE = 16  # of the input, in pixels
LARGEST_EDGE = 2160


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """Beyond the usual files.

    Args:
        size: Height and width that the TensorFlow Lite and ONNX files read, in pixels; None leaves
            them open.
        onnx: Layout of an ONNX file, if there should be one.
        vela: Accelerator to compile for, if any.
    """

    size: tuple[int, int] | None = (360, 640)
    onnx: Layout | None = None
    vela: str | None = None
