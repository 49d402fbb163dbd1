"""Published networks by name, each a graph with its source."""

from nas.errors import UsageError
from nas.graph import Graph
from nas.zoo import anchored, plain, xcat, xlsr
from nas.zoo.entry import Confidence, Entry

__all__ = ["ENTRIES", "Confidence", "Entry", "zoo_entry", "zoo_names_by_digest"]

ENTRIES: dict[str, Entry] = {
    entry.name: entry for family in (xlsr, anchored, plain, xcat) for entry in family.ENTRIES
}


def zoo_entry(name: str) -> Entry:
    """The published network `name`, whatever its case.

    Raises:
        UsageError: No such network; suggests names that are near.
    """
    by_lower = {known.lower(): entry for known, entry in ENTRIES.items()}
    try:
        return by_lower[name.lower()]
    except KeyError:
        import difflib

        near = difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.6)
        names = ", ".join(by_lower[n].name for n in near)
        meant = f"did you mean {names}? " if names else ""
        raise UsageError(
            f"there is no published network {name!r}", f"{meant}`nas zoo list` has all"
        ) from None


def zoo_names_by_digest() -> dict[str, str]:
    """The first name of each distinct published graph, by digest."""
    names: dict[str, str] = {}
    for name, entry in ENTRIES.items():
        graph: Graph = entry.build()
        names.setdefault(graph.digest, name)
    return names
