"""Every form of a network on the check images: proof that what ships is what was trained."""

from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import torch
from ai_edge_litert.interpreter import Interpreter

from nas.data.resample import Pixels
from nas.export.check_set import CheckSet, Numbers
from nas.export.layout import FLOAT_TFLITE, INT8_TFLITE, KERAS, ONNX, SAVED_MODEL
from nas.export.measure import Form, Measured, Run, measure
from nas.export.record import FormRecord
from nas.export.verify import FORMS
from nas.quantize.litert import run_tflite
from nas.quantize.quiet import quiet
from nas.quantize.simulate import Simulation
from nas.quantize.stored import StoredNetwork
from nas.readers.to_torch import image_tensor, in_uint8, to_torch

__all__ = ["measure_forms"]

Module = Callable[[torch.Tensor], torch.Tensor]


def measure_forms(
    folder: Path,
    trained: StoredNetwork,
    deployed: StoredNetwork,
    images: CheckSet,
    size: tuple[int, int] | None,
    note: Callable[[str], None],
) -> dict[str, FormRecord]:
    """Runs every form that is in a folder, from its file, on images of the files' size.

    Args:
        folder: With the files.
        trained: Float weights.
        deployed: Weights and grids of the INT8 files.
        images: To upscale.
        size: Input of the files in pixels; None: each image in its own size.
        note: Told what runs.
    """
    found: dict[str, FormRecord] = {}
    reference: Measured | None = None
    for form, run in _forms(folder, trained, deployed):
        note(f"running {form.file or form.name} on the check images")
        made = measure(form, run, images, size)
        reference = reference or made
        is_float = form.precision == "float"
        difference = made.largest_difference(reference) if is_float else None
        found[form.name] = FormRecord(
            form.file, form.precision, form.runtime, made.psnr_db, difference
        )
    return found


def _forms(
    folder: Path, trained: StoredNetwork, deployed: StoredNetwork
) -> Iterator[tuple[Form, Run]]:
    """Torch first: the others are compared with it."""
    if deployed.grid is None:
        raise ValueError("a network without grids is not deployed")
    module = to_torch(trained.graph, trained.weights)
    yield _form("torch", "torch"), _by_torch(module, lambda y: y[0].permute(1, 2, 0).numpy())
    network = keras.saving.load_model(folder / KERAS, compile=False)
    yield _form("keras", "keras"), _by_tensorflow(network)
    saved = tf.saved_model.load(str(folder / SAVED_MODEL))
    yield _form("saved_model", "tensorflow-cpu"), _by_tensorflow(saved.serve)
    yield _form("tflite_float", "ai-edge-litert"), _by_litert(folder / FLOAT_TFLITE)
    simulation = Simulation(deployed.graph, deployed.weights, deployed.grid)
    yield _form("simulation", "torch"), _by_torch(simulation, lambda y: in_uint8(y)[0])
    int8 = (folder / INT8_TFLITE).read_bytes()
    yield _form("tflite_int8", "ai-edge-litert"), lambda image: run_tflite(int8, image[None])[0]
    if (folder / ONNX).is_file() and find_spec("onnxruntime"):
        yield _form("onnx_int8", "onnxruntime"), _by_onnxruntime(folder / ONNX)


def _form(name: str, package: str) -> Form:
    file, precision = FORMS[name]
    try:
        runtime = f"{package} {version(package)}"
    except ModuleNotFoundError:  # TensorFlow has another name elsewhere
        runtime = f"tensorflow {tf.__version__}"
    return Form(name, file, precision, runtime)


def _by_torch(module: Module, leave: Callable[[torch.Tensor], Numbers]) -> Run:
    def run(image: Pixels) -> Numbers:
        with torch.no_grad():
            return leave(module(image_tensor(image[None])))

    return run


def _by_tensorflow(network: Callable[[Any], Any]) -> Run:
    def run(image: Pixels) -> Numbers:
        made: Numbers = np.asarray(network(tf.constant(image[None].astype(np.float32) / 255)))[0]
        return made

    return run


def _by_litert(file: Path) -> Run:
    """A float file, whose numbers are not rounded."""
    with quiet():  # it announces its delegates
        interpreter = Interpreter(model_content=file.read_bytes(), num_threads=1)
    entry, leave = (
        details[0]["index"]
        for details in (interpreter.get_input_details(), interpreter.get_output_details())
    )

    def run(image: Pixels) -> Numbers:
        with quiet():
            interpreter.resize_tensor_input(entry, [1, *image.shape])
            interpreter.allocate_tensors()
        interpreter.set_tensor(entry, image[None].astype(np.float32) / 255)
        interpreter.invoke()
        made: Numbers = interpreter.get_tensor(leave)[0].copy()
        return made

    return run


def _by_onnxruntime(file: Path) -> Run:
    onnxruntime = import_module("onnxruntime")  # it has no types
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.x64quantprecision", "1")  # else sums saturate
    session = onnxruntime.InferenceSession(
        file.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
    (entry,) = session.get_inputs()
    first = entry.shape[1] == 3  # channels

    def run(image: Pixels) -> Numbers:
        x = image.transpose(2, 0, 1) if first else image
        (y,) = session.run(None, {entry.name: np.ascontiguousarray(x[None])})
        return np.asarray(y[0].transpose(1, 2, 0) if first else y[0])

    return run
