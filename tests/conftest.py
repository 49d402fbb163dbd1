"""What every test runs under: one torch thread, repeatable Hypothesis, small images."""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest
import torch
from hypothesis import settings

from nas.data.dead_leaves import dead_leaves
from nas.data.images import Pair
from nas.data.resample import downscale

torch.set_num_threads(1)
settings.register_profile("nas", deadline=None, max_examples=30, derandomize=True, database=None)
settings.load_profile("nas")


@pytest.fixture(scope="session")
def leaves() -> tuple[Pair, ...]:
    """Six synthetic images, 192x192 and a third of it."""
    images = dead_leaves(seed=11, count=6, size=192)
    return tuple(Pair(f"leaves-{i}", downscale(hr, 3), hr) for i, hr in enumerate(images))
