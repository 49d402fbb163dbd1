"""Small images on disk, and the photographs of the development folder where it exists."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip(f"the development photographs are not at {SHARED}")
    return SHARED


@pytest.fixture
def write() -> Callable[..., Path]:
    """`write(path, height, width, seed)` saves noise as an image and returns its path."""

    def save(path: Path, height: int = 36, width: int = 45, seed: int = 0) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
        Image.fromarray(noise).save(path)
        return path

    return save
