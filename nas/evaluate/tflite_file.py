"""Anybody's `.tflite` file as an upscaler: one image in and one out, channels last."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from nas.data.resample import Pixels
from nas.errors import UsageError
from nas.evaluate.any_size import AnySize, Declared, Shape, check_input, read_fit
from nas.evaluate.ends import Array, End, choose_ends, float_ends, integer_end
from nas.evaluate.upscaler import Upscaler
from nas.quantize.litert import op_names
from nas.quantize.quiet import quiet

__all__ = ["tflite_upscaler"]

_MOST_THREADS = 8  # more make networks of this kind slower
_Details = list[dict[str, Any]]
_FAILURES = (RuntimeError, ValueError)  # what LiteRT raises about a file, or a size


def tflite_upscaler(path: Path, *, name: str, white: int | None) -> Upscaler:
    """Opens a TensorFlow Lite file.

    Raises:
        UsageError: LiteRT cannot open it, or it upscales no RGB images.
    """
    file = _File(path)
    entries, leaves, tensors = file.open()
    if len(entries) != 1 or len(leaves) != 1:
        raise UsageError(
            f"it has {len(entries)} inputs and {len(leaves)} outputs",
            "give a network from one image to one image",
        )
    size = check_input(_shape(entries[0]))
    declared = Declared(
        dtype=np.dtype(entries[0]["dtype"]).name,
        size=size,
        written=_shape(leaves[0]),
        inner=[_shape(tensor) for tensor in tensors],
        averages="MEAN" in op_names(path),
    )
    fit = read_fit(path, file, declared)
    entry, leave = choose_ends(
        file, _ends(entries[0], white), _ends(leaves[0], white), scale=fit.scale, size=size
    )

    def run(image: Pixels) -> Pixels | None:
        made = file(entry.encode(image)[None])
        return None if made is None else leave.decode(made[0])

    how = f"LiteRT, {entry} to {leave}"
    any_size = AnySize(name, run, fit)
    return Upscaler(name, fit.scale, how, any_size, any_size.tiling_of)


class _File:
    """Runs a file; keeps the interpreter of the last size, since many images share one."""

    def __init__(self, path: Path) -> None:
        self._content = path.read_bytes()
        self._shape: tuple[int, ...] = ()
        self._ready: Interpreter | None = None

    def open(self) -> tuple[_Details, _Details, _Details]:
        """What LiteRT says of its inputs, its outputs and all its tensors."""
        try:
            found = self._interpreter()
        except _FAILURES as error:
            said = " ".join(str(error).split())[:200]
            raise UsageError(f"LiteRT cannot open it: {said}", "convert it again") from error
        entries, leaves = found.get_input_details(), found.get_output_details()
        return entries, leaves, found.get_tensor_details()

    def __call__(self, image: Array) -> Array | None:
        """(1, height, width, 3) -> the output, or None where the file cannot run that size."""
        try:
            ready = self._at(image.shape)
            ready.set_tensor(ready.get_input_details()[0]["index"], image)
            with quiet():
                ready.invoke()
        except _FAILURES:
            self._shape = ()
            return None
        made: Array = ready.get_tensor(ready.get_output_details()[0]["index"])
        return made

    def _at(self, shape: tuple[int, ...]) -> Any:
        if shape != self._shape or self._ready is None:
            # A new one each time: one that failed to change its size is of no use any more.
            ready = self._interpreter()
            entry = ready.get_input_details()[0]
            if tuple(entry["shape"]) != shape:
                ready.resize_tensor_input(entry["index"], shape)
            with quiet():  # it announces its delegates
                ready.allocate_tensors()
            self._ready, self._shape = ready, shape
        return self._ready

    def _interpreter(self) -> Any:
        threads = min(os.cpu_count() or 1, _MOST_THREADS)
        with quiet():
            return Interpreter(model_content=self._content, num_threads=threads)


def _shape(details: dict[str, Any]) -> Shape:
    signature = details["shape_signature"]
    return [int(side) for side in (signature if len(signature) else details["shape"])]


def _ends(details: dict[str, Any], white: int | None) -> tuple[End, ...]:
    dtype = np.dtype(details["dtype"]).name
    if dtype == "float32":
        return float_ends(white)
    scale, zero_point = details["quantization"]
    return (integer_end(dtype, float(scale), int(zero_point)),)
