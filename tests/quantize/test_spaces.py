"""A random pick of every space becomes an integer file that computes what is simulated."""

import random

import numpy as np
import pytest
import torch

from nas.graph import check_legal
from nas.quantize.calibration import calibrate
from nas.quantize.convert import to_tflite
from nas.quantize.litert import run_tflite, tensor_types
from nas.quantize.simulate import Simulation
from nas.readers.to_torch import image_tensor
from nas.space import load_space, space_names
from tests.networks import sensible_weights, smooth_images

HEIGHT, WIDTH = 24, 32


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", space_names())
def test_random_pick_is_legal_and_converts(name: str, seed: int) -> None:
    space = load_space(name)
    graph = space.graph(space.sample(random.Random(seed)))
    check_legal(graph)
    weights = sensible_weights(graph, seed=seed)
    image = smooth_images(1, HEIGHT, WIDTH)
    grid = calibrate(graph, weights, image_tensor(image))
    file = to_tflite(graph, weights, grid, height=HEIGHT, width=WIDTH)
    assert tensor_types(file) <= {"int8", "uint8", "int32"}
    simulated = Simulation(graph, weights, grid)(image_tensor(image))
    expected = (simulated * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    near = np.abs(run_tflite(file, image).astype(int) - expected) <= 1
    assert near.mean() >= 0.995
