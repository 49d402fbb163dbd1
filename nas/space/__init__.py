"""Which networks exist: choices, spaces, loading."""

from nas.space.load import load_space, space_names
from nas.space.space import Choice, Option, Pick, Space
from nas.space.union import union

__all__ = ["Choice", "Option", "Pick", "Space", "load_space", "space_names", "union"]
