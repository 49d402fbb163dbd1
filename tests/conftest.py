"""What tests run under: one thread of torch and NumPy, repeatable draws, small images, no cache."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # tests already run side by side

import pytest
import torch
from hypothesis import settings

from nas.data.dead_leaves import dead_leaves
from nas.data.images import Pair
from nas.data.resample import downscale
from tests.search.faults.options import (
    pytest_addoption,
    pytest_runtest_makereport,
    pytest_terminal_summary,
)

__all__ = [
    "leaves",
    "pytest_addoption",
    "pytest_runtest_makereport",
    "pytest_terminal_summary",
]

torch.set_num_threads(1)
settings.register_profile("nas", deadline=None, max_examples=30, derandomize=True, database=None)
settings.load_profile("nas")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """No test reads or writes the cache of the person who runs it."""
    cache = tmp_path_factory.getbasetemp() / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache))
        yield cache


@pytest.fixture(autouse=True)
def _trains_itself(_own_cache: Path) -> Iterator[None]:
    """No test is answered with what another one trained."""
    yield
    shutil.rmtree(_own_cache / "nas" / "evaluations", ignore_errors=True)


@pytest.fixture(scope="session")
def leaves() -> tuple[Pair, ...]:
    """Six synthetic images, 192x192 and a third of it."""
    images = dead_leaves(seed=11, count=6, size=192)
    return tuple(Pair(f"leaves-{i}", downscale(hr, 3), hr) for i, hr in enumerate(images))
