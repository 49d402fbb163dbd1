"""One space out of several: which of them is the first choice."""

from collections.abc import Mapping
from typing import TypeVar

from nas.errors import SpaceError
from nas.graph import Graph
from nas.space.space import Choice, Option, Pick, Space

__all__ = ["union"]

Value = TypeVar("Value")


def union(name: str, families: Mapping[str, Space], *, about: str = "") -> Space:
    """The networks of all `families`; the choice `family` opens the choices of one of them.

    A choice `width` of the family `anchor` becomes `anchor.width`. Known networks stay known,
    under the first family that has their name.

    Raises:
        SpaceError: The families have no scale in common.
    """
    first, *others = families.values()
    scales = tuple(s for s in first.scales if all(s in other.scales for other in others))
    if not scales:
        raise SpaceError(
            f"space {name!r}: its families have no scale in common",
            "give them one, or leave one out",
        )
    choices = [Choice("family", tuple(families), about="which kind of network")]
    known: dict[str, Mapping[str, Option]] = {}
    for family, space in families.items():
        choices += [_within(family, choice) for choice in space.choices]
        for published, decisions in space.known.items():
            known.setdefault(published, {"family": family, **_prefixed(family, decisions)})

    def build(pick: Pick, scale: int) -> Graph:
        lead = f"{pick.family}."
        inner = {key.removeprefix(lead): pick[key] for key in pick if key != "family"}
        return families[pick.family].build(Pick(inner), scale)

    return Space(name, tuple(choices), build, scales=scales, known=known, about=about)


def _within(family: str, choice: Choice) -> Choice:
    when = {"family": (family,), **_prefixed(family, choice.when)}
    return Choice(f"{family}.{choice.name}", choice.options, when=when, about=choice.about)


def _prefixed(family: str, named: Mapping[str, Value]) -> dict[str, Value]:
    return {f"{family}.{name}": value for name, value in named.items()}
