"""How much is spent on a candidate, and on a finalist."""

from dataclasses import dataclass

from nas.data.patches import STANDARD_CROPS
from nas.train.recipes import recipe
from nas.train.stages import Recipe

__all__ = ["FINAL", "SEARCH", "Effort"]


@dataclass(frozen=True, slots=True)
class Effort:
    """A training with readings between.

    Args:
        recipe: How a network trains.
        rungs: Steps at which it is quantised and measured; the last may be before the end.
        validation_crops: How many low-resolution crops of at most 64x64 pixels are measured.
    """

    recipe: Recipe
    rungs: tuple[int, ...]
    validation_crops: int = STANDARD_CROPS


SEARCH = Effort(recipe("search"), (100, 300, 1000))
FINAL = Effort(recipe("final"), (3000,))
