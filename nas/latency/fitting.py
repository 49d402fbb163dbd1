"""What the fits of both kinds of latency models share: left-out rows, and a word on the making."""

import platform
from collections.abc import Iterator

import numpy as np
import scipy
from numpy.typing import NDArray

from nas.latency.arrays import Mask
from nas.latency.model import LEVEL
from nas.latency.models import AnyLatencyModel
from nas.latency.rows import Rows

__all__ = ["folds", "metadata_of"]


def folds(groups: NDArray[np.intp], *, most: int) -> Iterator[Mask]:
    """Masks of rows to leave out, whole groups at a time; each row is in one.

    Args:
        groups: Rows with one number are left out together.
        most: Masks; more groups share one.
    """
    distinct = np.unique(groups)
    count = min(len(distinct), most)
    for fold in range(count):
        yield np.isin(groups, distinct[fold::count])


def metadata_of(rows: Rows, parent: AnyLatencyModel | None) -> dict[str, object]:
    """How a model came about; no prediction reads it."""
    return {
        "distinct_graphs": len(rows),
        "parent": parent.device if parent else None,
        "interval_level": LEVEL,
        "seed": None,  # nothing is drawn
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
    }
