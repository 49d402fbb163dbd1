"""A finalist: trained longer, quantised, converted, and measured as the files that were written.

Imports torch and TensorFlow: for worker processes only.
"""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load, save

from nas.export.layout import DEPLOYED
from nas.export.package import write_package
from nas.graph import Graph, to_text
from nas.quantize.calibration import calibrate
from nas.quantize.refit import quantize
from nas.quantize.sensitivity import read_sensitivity
from nas.quantize.stored import store, write_whole
from nas.readers.to_torch import image_tensor, in_uint8, to_torch
from nas.readers.weights import Weights
from nas.search.crops import FINALIST_STRIP, strip_png
from nas.search.effort import FINAL
from nas.search.evaluation import Evaluator
from nas.search.evaluation_cache import EvaluationCache, key_of
from nas.train.stages import Recipe

__all__ = ["finalise"]


def finalise(
    evaluator: Evaluator, graph: Graph, folder: Path, *, recipe: Recipe = FINAL.recipe
) -> dict[str, Any]:
    """Trains with `recipe` and writes the files into `folder`.

    They are those of `write_package`, `deployed/` with the weights and grids that are in the TFLite
    file, and a strip of what that file makes of the validation crops.

    Returns:
        Figures for `result.json`: PSNR of the trained network in torch and in the saved Keras
        model, of the quantised one in the simulation and in the TFLite file run by LiteRT; what
        rounding each layer costs; the largest difference of torch and Keras; steps, seconds, bytes;
        and whether the trained weights were in the cache. The rest is always made anew.
    """
    began = time.perf_counter()
    trained, is_cached = _trained(evaluator, graph, recipe)
    train_s = time.perf_counter() - began
    deployed, grid = quantize(graph, trained, evaluator.solve_set.lr)
    package = write_package(graph, trained, (deployed, grid), folder)
    (folder / DEPLOYED).mkdir()
    store(folder / DEPLOYED, graph, deployed, grid)
    by_litert = package.run_litert(evaluator.crops)
    write_whole(folder / FINALIST_STRIP, strip_png(by_litert))
    by_keras = package.run_keras(evaluator.crops)
    with torch.no_grad():
        by_torch = to_torch(graph, trained)(image_tensor(evaluator.crops)).permute(0, 2, 3, 1)
    codes = np.rint(by_keras.clip(0, 1) * 255).astype(np.uint8)
    return {
        "psnr_torch_float_db": evaluator.psnr_float_db(graph, trained),
        "psnr_int8_simulation_db": evaluator.psnr_of(
            evaluator.upscaled_int8(graph, deployed, grid)
        ),
        "psnr_keras_float_db": evaluator.psnr_of(codes),
        "psnr_litert_int8_db": evaluator.psnr_of(by_litert),
        "sensitivity": _sensitivity(evaluator, graph, trained),
        "max_difference_torch_keras": float(np.abs(by_torch.numpy() - by_keras).max()),
        "size_bytes": package.tflite_model.stat().st_size,
        "steps": recipe.steps,
        "seed": evaluator.seed,
        "is_cached": is_cached,
        "train_s": train_s,
        "seconds": time.perf_counter() - began,
    }


def _trained(evaluator: Evaluator, graph: Graph, recipe: Recipe) -> tuple[Weights, bool]:
    """Float weights at the end of the recipe, and whether they were trained before."""
    cache = EvaluationCache()
    key = key_of(evaluator.identity, to_text(graph), repr(recipe))
    if found := cache.find(key):
        return load(found["weights"]), True
    trainer = evaluator.trainer(graph, recipe)
    trainer.advance(recipe.steps)
    weights = trainer.weights()
    cache.keep(key, {"weights": save(weights)})
    return weights, False


def _sensitivity(evaluator: Evaluator, graph: Graph, trained: Weights) -> list[dict[str, Any]]:
    """By plain rounding: weights that are rounded well already would cost nothing."""
    grid = calibrate(graph, trained, evaluator.solve_set.lr)
    layers = read_sensitivity(
        graph,
        trained,
        grid,
        image_tensor(evaluator.crops),
        lambda upscaled: evaluator.psnr_of(in_uint8(upscaled)),
    )
    return [asdict(layer) for layer in layers]
