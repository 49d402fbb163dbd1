"""The INT8 file of a trained network, and what quantisation cost it."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from nas.data.metrics import psnr_db
from nas.data.patches import standard_crops
from nas.data.sets import Dataset
from nas.graph.rewrites import fold_batch_norm
from nas.quantize.calibration import calibrate
from nas.quantize.convert import to_tflite
from nas.quantize.convert16 import to_tflite_16x8
from nas.quantize.litert import run_tflite
from nas.quantize.method import Method
from nas.quantize.refit import quantize
from nas.quantize.sensitivity import read_sensitivity
from nas.quantize.simulate import Simulation
from nas.quantize.stored import StoredNetwork, store
from nas.readers.to_torch import image_tensor, in_uint8, to_torch
from nas.readers.weights import Weights
from nas.train.feed import Feed

__all__ = ["Images", "images_of", "make_int8"]


@dataclass(frozen=True, slots=True)
class Images:
    """What a network is quantised and measured on.

    Args:
        patches: Of training images, (n, c, h, w) in 0..1.
        representative: What sets the ranges, if not the patches.
        lr: Validation crops, uint8 (n, h, w, c).
        hr: What they should become.
        digest: Of the data set.
    """

    patches: Tensor
    representative: Sequence[Tensor] | None
    lr: npt.NDArray[np.uint8]
    hr: npt.NDArray[np.uint8]
    digest: str


def images_of(
    dataset: Dataset, scale: int, representative: Sequence[Tensor] | None = None
) -> Images:
    """The patches and crops of a data set."""
    patches = Feed(dataset.train, scale=scale, seed=0).solve_set.lr
    lr, hr = standard_crops(dataset.valid, scale=scale)
    return Images(patches, representative, lr, hr, dataset.digest)


def make_int8(
    stored: StoredNetwork,
    images: Images,
    folder: Path,
    *,
    method: Method | None,
    input_size: tuple[int, int],
    sensitivity: bool = False,
) -> dict[str, Any]:
    """Quantises a network, converts it, runs the file, and writes all of it.

    Args:
        stored: The trained network.
        images: On which it is quantised and measured.
        folder: Exists and is empty.
        method: None takes the grids that training found.
        input_size: Height and width of the file's input, in pixels.
        sensitivity: Whether it is found out what plain rounding of each layer costs.

    Returns:
        What `quantize.json` holds: PSNR in dB of the float network, of the simulation and of the
        file run by LiteRT, on the validation crops; method, digest of the images, versions.
    """
    began = time.perf_counter()
    graph, trained = fold_batch_norm(stored.graph, stored.weights)
    weights: Weights = trained
    if method is None:
        if stored.grid is None:
            raise ValueError("a network without grids needs a method")
        grid = stored.grid
        per_channel, wide = True, False
    else:
        weights, grid = quantize(
            graph, trained, images.patches, method=method, representative=images.representative
        )
        per_channel, wide = method.per_channel, method.activation_bits > 8
    simulation = Simulation(graph, weights, grid, per_channel=per_channel)
    height, width = input_size
    file = folder / "model.tflite"
    if wide:
        seen = images.representative or images.patches
        file.write_bytes(
            to_tflite_16x8(
                graph, weights, seen, height=height, width=width, per_channel=per_channel
            )
        )
    else:
        file.write_bytes(
            to_tflite(graph, weights, grid, height=height, width=width, per_channel=per_channel)
        )
    store(folder, graph, weights, None if wide else grid)

    def psnr(upscaled: Tensor) -> float:
        return psnr_db(in_uint8(upscaled), images.hr, shave=graph.scale)

    lr = image_tensor(images.lr)
    float_db = psnr(to_torch(graph, trained).forward(lr).detach())
    figures: dict[str, Any] = {
        "psnr_float_db": float_db,
        "psnr_simulation_db": psnr(simulation(lr)),
        "psnr_litert_db": psnr_db(run_tflite(file, images.lr), images.hr, shave=graph.scale),
        "seconds": time.perf_counter() - began,
        "size_bytes": file.stat().st_size,
        "method": "as trained" if method is None else asdict(method),
        "images": images.digest,
        "versions": {name: version(name) for name in ("nas", "ai-edge-litert", "keras", "torch")},
    }
    if sensitivity:
        # By plain rounding: weights that a method has rounded well already would cost nothing.
        plain = grid if method is None else calibrate(graph, trained, images.patches)
        layers = read_sensitivity(graph, trained, plain, lr, psnr)
        figures["sensitivity"] = [asdict(layer) for layer in layers]
    text = json.dumps(figures, indent=2) + "\n"
    (folder / "quantize.json").write_text(text, encoding="utf-8")
    return figures
