"""Recipes by name: every published one of the zoo, the common ones and those of the search."""

from collections.abc import Mapping
from types import MappingProxyType

from nas.errors import UsageError
from nas.train.recipes import aselsan, common, fqsr, mobile_2021, mobile_2022
from nas.train.stages import Recipe

__all__ = ["RECIPES", "recipe"]

_TABLES = (common, aselsan, mobile_2021, mobile_2022, fqsr)
RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {found.name: found for table in _TABLES for found in table.RECIPES}
)


def recipe(name: str) -> Recipe:
    """The recipe `name`, whatever its case.

    Raises:
        UsageError: No such recipe; suggests names that are near.
    """
    try:
        return RECIPES[name.lower()]
    except KeyError:
        import difflib

        near = difflib.get_close_matches(name.lower(), RECIPES, n=3, cutoff=0.0)
        raise UsageError(
            f"there is no recipe {name!r}", f"the nearest names are {', '.join(near)}"
        ) from None
