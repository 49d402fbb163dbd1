"""Every published x3 network becomes an integer file that computes what the simulation says.

At the challenges' 640x360, code by code but for ties that fall the other way.
"""

import numpy as np
import pytest
import torch

from nas.quantize.calibration import calibrate
from nas.quantize.convert import to_tflite
from nas.quantize.litert import run_tflite, tensor_types
from nas.quantize.simulate import Simulation
from nas.readers.to_torch import image_tensor
from nas.zoo import ENTRIES, mobile_x3_names
from tests.networks import sensible_weights, smooth_images

HEIGHT, WIDTH = 360, 640
BASELINES = ("EDSR-x3",)  # minutes and gigabytes at this size; no challenge network
DISTINCT = {ENTRIES[name].build().deployed.digest: name for name in reversed(mobile_x3_names())}
NAMES = sorted(set(DISTINCT.values()) - set(BASELINES))


@pytest.mark.parametrize("name", NAMES)
def test_file_is_all_integer_and_agrees_with_the_simulation(name: str) -> None:
    graph = ENTRIES[name].build()
    weights = sensible_weights(graph)
    image = smooth_images(1, HEIGHT, WIDTH)
    grid = calibrate(graph, weights, image_tensor(image[:, :120, :160]))
    file = to_tflite(graph, weights, grid, height=HEIGHT, width=WIDTH)
    assert tensor_types(file) <= {"int8", "uint8", "int32"}
    simulated = Simulation(graph, weights, grid)(image_tensor(image))
    expected = (simulated * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    found = run_tflite(file, image)
    assert found.std() > 15  # not all black or white
    near = np.abs(found.astype(int) - expected) <= 1
    assert near.mean() >= 0.995
    assert (found == expected).mean() > 0.98  # and mostly the very code
