"""The best network for a person who has so many milliseconds, and no more."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from nas.search.front import front

__all__ = ["Under", "best_under"]


@dataclass(frozen=True, slots=True)
class Under:
    """What fits into a time.

    Args:
        latency_ms: The time, predicted of a member of the front.
        best: Row of the network with the highest PSNR, which is that member.
        by_score: Row of the network with the highest score; the same, or a faster one.
    """

    latency_ms: float
    best: Mapping[str, Any]
    by_score: Mapping[str, Any]


def best_under(table: pd.DataFrame) -> list[Under]:
    """For each time that the front has, the shortest first.

    Args:
        table: All trials, see `nas.search.front`.
    """
    found: list[Under] = []
    for row in front(table).to_dict("records"):
        best = {str(name): value for name, value in row.items()}
        leads = not found or best["score"] > found[-1].by_score["score"]
        found.append(Under(float(best["latency_ms"]), best, best if leads else found[-1].by_score))
    return found
