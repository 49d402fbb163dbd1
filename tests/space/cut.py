"""A part of a space that is small enough to list."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from nas.space import Option, Space

__all__ = ["narrowed"]


def narrowed(space: Space, options: Mapping[str, Iterable[Option]]) -> Space:
    """The part of `space` that has these options only; choices that are not named keep theirs."""
    choices = []
    for choice in space.choices:
        kept = tuple(o for o in choice.options if o in options.get(choice.name, choice.options))
        when = {
            name: tuple(o for o in wanted if o in options.get(name, wanted))
            for name, wanted in choice.when.items()
        }
        if all(when.values()):
            choices.append(replace(choice, options=kept, when=when))
    return replace(space, choices=tuple(choices), known={}, distinct_at=())
