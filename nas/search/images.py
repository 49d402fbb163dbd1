"""The images of a run: what its configuration names, large enough for its recipe."""

from collections.abc import Callable

from nas.data.patches import CALIBRATION_LR_SIZE
from nas.data.sets import Dataset, load_dataset
from nas.search.config import SearchConfig

__all__ = ["load_images"]


def load_images(config: SearchConfig, on_skip: Callable[[str], None]) -> Dataset:
    """Loads them; `on_skip` is told of each image that is left out.

    Raises:
        DataError: As `load_dataset` says.
    """
    return load_dataset(
        config.data,
        scale=config.scale,
        lr_patch=CALIBRATION_LR_SIZE,  # the largest patch that training or a solve takes
        valid=config.valid,
        seed=config.seed,
        on_skip=on_skip,
    )
