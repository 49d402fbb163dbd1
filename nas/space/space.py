"""A search space: a table of choices, and a builder from picks to a graph.

Choice ▸ pick ▸ graph: the space says what may be chosen, a `Pick` is one decision for each active
choice, and the graph is what it means. Identity of a network is `Graph.digest`, never the pick.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nas.errors import GraphError, SpaceError
from nas.graph import Graph

__all__ = ["Choice", "Option", "Pick", "Space"]

Option = int | str

_LISTED = 10**6  # picks; fewer are built one by one to count their networks


class Pick(Mapping[str, Any]):
    """One decision per active choice; `pick["width"]` and `pick.width` are the same.

    Values are typed `Any`: which `Option` a choice takes is said in the space's table only.
    """

    def __init__(self, decisions: Mapping[str, Option]) -> None:
        self._decisions = dict(decisions)

    def __getitem__(self, name: str) -> Any:
        return self._decisions[name]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self._decisions[name]
        except KeyError:
            raise AttributeError(f"{name} is not an active choice of {self}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._decisions)

    def __len__(self) -> int:
        return len(self._decisions)

    def __hash__(self) -> int:
        return hash(frozenset(self._decisions.items()))

    def __repr__(self) -> str:
        return f"Pick({', '.join(f'{k}={v!r}' for k, v in self._decisions.items())})"


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing to decide.

    Args:
        name: Unique in its space.
        options: What may be picked, in a meaningful order.
        when: The choice exists only where each named choice has one of these options.
        about: One line for `nas space show`.
    """

    name: str
    options: tuple[Option, ...]
    when: Mapping[str, tuple[Option, ...]] = field(default_factory=dict)
    about: str = ""

    def active(self, picks: Mapping[str, Option]) -> bool:
        """Whether the earlier `picks` leave this choice open."""
        return all(picks.get(name) in options for name, options in self.when.items())


@dataclass(frozen=True)
class Space:
    """Which networks exist.

    Args:
        name: As typed after `--space`.
        choices: In the order in which they are decided; `when` looks back only.
        build: Makes the graph of a valid pick for a scale.
        scales: Upscaling factors that `build` supports.
        known: Picks of published networks, by their name in the zoo (less its scale where the zoo
            has several): good starting points.
        about: One line for `nas space list`.
        distinct_at: Scales at which no two picks build one network, as tests of the space show.

    Raises:
        SpaceError: A duplicate choice or option, a `when` that names no earlier choice, a known
            pick outside the space, or a `distinct_at` outside `scales`.
    """

    name: str
    choices: tuple[Choice, ...]
    build: Callable[[Pick, int], Graph]
    scales: tuple[int, ...] = (3,)
    known: Mapping[str, Mapping[str, Option]] = field(default_factory=dict)
    about: str = ""
    distinct_at: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for scale in self.distinct_at:
            self.check_scale(scale)
        seen: dict[str, tuple[Option, ...]] = {}
        for choice in self.choices:
            where = f"space {self.name!r}, choice {choice.name!r}"
            if choice.name in seen:
                raise SpaceError(f"{where} is there twice", "give each choice its own name")
            if not choice.options or len(set(choice.options)) < len(choice.options):
                raise SpaceError(
                    f"{where} needs distinct options, got {choice.options}", "name each once"
                )
            for name, options in choice.when.items():
                if name not in seen or not set(options) <= set(seen[name]):
                    raise SpaceError(
                        f"{where}: 'when' asks {name!r} for {options}, which no earlier choice has",
                        "a choice can depend on choices above it only",
                    )
            seen[choice.name] = choice.options
        for published, decisions in self.known.items():
            if complaint := self._complaint(decisions):
                raise SpaceError(
                    f"space {self.name!r}, known network {published!r}: {complaint}",
                    "known networks must lie in the space",
                )

    def pick(self, decide: Callable[[Choice], Option]) -> Pick:
        """Asks `decide` for each active choice in order."""
        picks: dict[str, Option] = {}
        for choice in self.choices:
            if choice.active(picks):
                picks[choice.name] = decide(choice)
        return self.check(picks)

    def check(self, decisions: Mapping[str, Option]) -> Pick:
        """The pick, if `decisions` has one valid option for each active choice and no other.

        Raises:
            SpaceError: Names the choice.
        """
        complaint = self._complaint(decisions)
        if complaint:
            raise SpaceError(f"space {self.name!r}: {complaint}")
        return Pick(decisions)

    def sample(self, rng: random.Random) -> Pick:
        """Each active choice uniformly."""
        return self.pick(lambda choice: rng.choice(choice.options))

    def neighbours(self, pick: Pick) -> Iterator[Pick]:
        """Picks that differ in one decision; newly active choices take their first option."""
        for changed in pick:
            choice = next(c for c in self.choices if c.name == changed)
            for option in choice.options:
                if option != pick[changed]:
                    wanted = {**pick, changed: option}
                    yield self.pick(lambda c, w=wanted: w.get(c.name, c.options[0]))  # type: ignore[misc]

    def graph(self, decisions: Mapping[str, Option], *, scale: int = 3) -> Graph:
        """The network of a pick.

        Raises:
            SpaceError: An invalid pick, a scale that the space does not support, or a `build`
                that raises or returns no graph.
        """
        self.check_scale(scale)
        pick = self.check(decisions)
        where = f"space {self.name!r} cannot build {pick}"
        hint = "mend its build()"
        try:
            graph = self.build(pick, scale)
        except GraphError as error:
            raise SpaceError(f"{where}: {error}", hint) from error
        except (Exception, SystemExit) as error:  # a user's code raises anything
            raise SpaceError(f"{where}: {type(error).__name__}: {error}", hint) from error
        if not isinstance(graph, Graph):
            raise SpaceError(f"{where}: it returns no Graph, but {type(graph).__name__}", hint)
        return graph

    def check_scale(self, scale: int) -> None:
        """Raises `SpaceError` where `scale` is not supported."""
        if scale not in self.scales:
            allowed = ", ".join(map(str, self.scales))
            raise SpaceError(f"space {self.name!r} has no scale {scale}", f"it has {allowed}")

    def size(self) -> int:
        """The number of valid picks, counted without listing them.

        The count runs over the choices in order and keeps apart only what a later `when` reads.
        """
        counts: Counter[frozenset[tuple[str, Option]]] = Counter({frozenset(): 1})
        for place, choice in enumerate(self.choices):
            read_later = {name for later in self.choices[place + 1 :] for name in later.when}
            following: Counter[frozenset[tuple[str, Option]]] = Counter()
            for state, count in counts.items():
                options = choice.options if choice.active(dict(state)) else (None,)
                for option in options:
                    decided = state if option is None else state | {(choice.name, option)}
                    following[frozenset(s for s in decided if s[0] in read_later)] += count
            counts = following
        return counts.total()

    def count_distinct(self, scale: int = 3) -> int | None:
        """The number of networks that the picks build.

        None where a million picks or more would have to be built to know; `size()` is the bound.

        Raises:
            SpaceError: A scale that the space does not support.
        """
        self.check_scale(scale)
        if scale in self.distinct_at:
            return self.size()
        if self.size() >= _LISTED:
            return None
        return len({self.graph(pick, scale=scale).digest for pick in self.picks()})

    def picks(self) -> Iterator[Pick]:
        """Every valid pick."""

        def extend(place: int, picks: dict[str, Option]) -> Iterator[Pick]:
            if place == len(self.choices):
                yield Pick(picks)
                return
            choice = self.choices[place]
            if not choice.active(picks):
                yield from extend(place + 1, picks)
                return
            for option in choice.options:
                yield from extend(place + 1, {**picks, choice.name: option})

        return extend(0, {})

    def _complaint(self, decisions: Mapping[str, Option]) -> str | None:
        active: dict[str, Option] = {}
        for choice in self.choices:
            if not choice.active(active):
                continue
            if choice.name not in decisions:
                return f"choice {choice.name!r} is not decided"
            if decisions[choice.name] not in choice.options:
                return f"{choice.name} is one of {choice.options}, got {decisions[choice.name]!r}"
            active[choice.name] = decisions[choice.name]
        extra = sorted(set(decisions) - set(active))
        return f"{', '.join(extra)} means nothing beside the other decisions" if extra else None
