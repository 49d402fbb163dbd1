"""Anybody's `.keras` file as an upscaler: built-in layers, channels last."""

import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from nas.data.resample import Pixels
from nas.errors import UsageError
from nas.evaluate.any_size import AnySize, Declared, check_input, read_fit
from nas.evaluate.ends import Array, choose_ends, float_ends
from nas.evaluate.upscaler import Upscaler

__all__ = ["keras_upscaler"]

_AVERAGES = ("Global", "Mean", "Max", "Sum")  # beginnings of the names of ops over a whole image


def keras_upscaler(path: Path, *, name: str, white: int | None) -> Upscaler:
    """Opens a Keras file.

    Raises:
        UsageError: It cannot be opened, or it upscales no RGB images.
    """
    network = _load(path)
    if len(network.inputs) != 1 or len(network.outputs) != 1:
        raise UsageError(
            f"it has {len(network.inputs)} inputs and {len(network.outputs)} outputs",
            "give a network from one image to one image",
        )
    size = check_input(network.inputs[0].shape)

    def attempt(image: Array) -> Array | None:
        if size not in (None, image.shape[1:3]):
            return None
        try:
            return np.asarray(network(image))
        except Exception:  # of any layer, in any back-end: what it means is the same
            return None

    declared = Declared(
        dtype="float32",
        size=size,
        written=network.outputs[0].shape,
        inner=[tensor.shape for part in _parts(network) for tensor in _outputs(part)],
        averages=any(type(part).__name__.startswith(_AVERAGES) for part in _parts(network)),
    )
    fit = read_fit(path, attempt, declared)
    ends = float_ends(white)
    entry, leave = choose_ends(attempt, ends, ends, scale=fit.scale, size=size)

    def run(image: Pixels) -> Pixels | None:
        made = attempt(entry.encode(image)[None])
        return None if made is None else leave.decode(made[0])

    how = f"Keras, {entry} to {leave}"
    any_size = AnySize(name, run, fit)
    return Upscaler(name, fit.scale, how, any_size, any_size.tiling_of)


def _load(path: Path) -> Any:
    if not zipfile.is_zipfile(path):
        raise UsageError("it is a damaged archive", "write it again")
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises whatever the file's parts raise
        said = " ".join(str(error).split())[:200]
        raise UsageError(
            f"Keras cannot open it: {said}", "it must hold built-in layers only"
        ) from error


def _parts(network: Any) -> list[Any]:
    """Layers and other operations."""
    return list(getattr(network, "operations", network.layers))


def _outputs(part: Any) -> list[Any]:
    found = part.output
    return list(found) if isinstance(found, list | tuple) else [found]
