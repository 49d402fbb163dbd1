"""What a trial chose, in the words of its space."""

from collections.abc import Callable, Mapping
from typing import Any

from nas.errors import SpaceError
from nas.search.parameters import option_of
from nas.space import Choice, load_space, space_names

__all__ = ["pick_reader"]

Parameters = Mapping[str, Any]


def pick_reader(space: str) -> Callable[[Parameters], Parameters]:
    """From the parameters of a trial to names of choices and what was chosen.

    Samplers see a place in a list where options are not evenly spaced; this gives the option. A
    space that did not come with this installation is not loaded, because its file is a program:
    looking at somebody's run must not start one. Its parameters stay as they are.
    """
    choices: tuple[Choice, ...] = ()
    if space in space_names():
        choices = load_space(space).choices

    def read(parameters: Parameters) -> Parameters:
        left, found = dict(parameters), {}
        for choice in choices:
            try:
                found[choice.name] = option_of(choice, parameters)
            except (KeyError, IndexError, TypeError, SpaceError):
                continue  # not active, or of another version of the space
            left.pop(choice.name, None)
            left.pop(f"{choice.name}_place", None)
        return {**found, **left}

    return read
