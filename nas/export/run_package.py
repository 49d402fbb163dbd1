"""Upscales a picture with the model.tflite beside this file.

python run.py PHOTO.png UPSCALED.png

It needs ai-edge-litert, numpy and pillow, and works for pictures of any size: in pieces of the size
that the file reads, which overlap so that no seam shows.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

__all__ = ["main"]

_MARGIN = 24  # pixels along the inner borders of a piece that are thrown away


def main(arguments: Sequence[str]) -> None:
    """PHOTO UPSCALED, both names of files."""
    photo, upscaled = arguments
    file = Path(__file__).with_name("model.tflite")
    interpreter = Interpreter(model_content=file.read_bytes(), num_threads=4)
    with Image.open(photo) as opened:
        image = np.asarray(opened.convert("RGB"))
    Image.fromarray(_upscale(interpreter, image)).save(upscaled)


def _upscale(interpreter: Any, image: Any) -> Any:
    entry = interpreter.get_input_details()[0]
    leave = interpreter.get_output_details()[0]
    height, width = entry["shape_signature"][1:3]
    if height < 1:  # a file of free size takes the picture as a whole
        height, width = image.shape[:2]
        interpreter.resize_tensor_input(entry["index"], [1, height, width, 3])
    interpreter.allocate_tensors()

    def run(piece: Any) -> Any:
        interpreter.set_tensor(entry["index"], piece[None])
        interpreter.invoke()
        return interpreter.get_tensor(leave["index"])[0]

    below, right = max(height - image.shape[0], 0), max(width - image.shape[1], 0)
    padded = np.pad(image, ((0, below), (0, right), (0, 0)), mode="edge")
    out: Any = None
    for top in _starts(padded.shape[0], height):
        for left in _starts(padded.shape[1], width):
            made = run(padded[top : top + height, left : left + width])
            scale = made.shape[0] // height
            if out is None:
                out = np.empty((padded.shape[0] * scale, padded.shape[1] * scale, 3), np.uint8)
            # Later pieces write over the last margin of earlier ones.
            skip_top, skip_left = (_margin(side) if at else 0
                                   for at, side in ((top, height), (left, width)))  # fmt: skip
            rows = slice((top + skip_top) * scale, (top + height) * scale)
            columns = slice((left + skip_left) * scale, (left + width) * scale)
            out[rows, columns] = made[skip_top * scale :, skip_left * scale :]
    return out[: image.shape[0] * scale, : image.shape[1] * scale]


def _starts(side: int, piece: int) -> list[int]:
    """Where pieces begin along one side; the last one ends with the picture."""
    return [*range(0, side - piece, piece - 2 * _margin(piece)), side - piece]


def _margin(piece: int) -> int:
    return min(_MARGIN, piece // 4)


if __name__ == "__main__":
    main(sys.argv[1:])
