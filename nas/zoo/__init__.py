"""Published networks by name, each a graph with its source and its published figures."""

from nas.errors import UsageError
from nas.graph import Graph, violations
from nas.zoo import anchored, baselines, branched, fqsr, plain, rep, residual, xcat, xlsr
from nas.zoo.entry import Confidence, Entry
from nas.zoo.figures import Figure

__all__ = [
    "ENTRIES",
    "FAMILIES",
    "Confidence",
    "Entry",
    "Figure",
    "family_of",
    "mobile_x3_names",
    "variants_of",
    "zoo_entry",
    "zoo_graph",
    "zoo_names_by_digest",
]

FAMILIES: dict[str, tuple[Entry, ...]] = {
    "xlsr": xlsr.ENTRIES,
    "anchored": anchored.ENTRIES,
    "plain": plain.ENTRIES,
    "branched": branched.ENTRIES,
    "rep": rep.ENTRIES,
    "residual": residual.ENTRIES,
    "xcat": xcat.ENTRIES,
    "baselines": baselines.ENTRIES,
    "fqsr": fqsr.ENTRIES,
}
ENTRIES: dict[str, Entry] = {entry.name: entry for some in FAMILIES.values() for entry in some}
_FAMILY = {entry.name: family for family, some in FAMILIES.items() for entry in some}


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

        near = difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.0)
        names = ", ".join(by_lower[n].name for n in near)
        raise UsageError(
            f"there is no published network {name!r}",
            f"the nearest names are {names}; `nas zoo list` has all",
        ) from None


def zoo_graph(name: str) -> Graph:
    """The graph of `zoo_entry(name)`."""
    return zoo_entry(name).build()


def family_of(name: str) -> str:
    """The family of the entry `name`."""
    return _FAMILY[name]


def variants_of(name: str) -> tuple[str, ...]:
    """Names of the other readings, ablations and training graphs of the entry `name`."""
    return tuple(entry.name for entry in ENTRIES.values() if entry.reading_of == name)


def mobile_x3_names() -> tuple[str, ...]:
    """Names of the networks that enlarge RGB three times and that a mobile NPU can run in INT8."""
    return tuple(name for name, entry in ENTRIES.items() if _is_mobile_x3(entry.build()))


def zoo_names_by_digest() -> dict[str, str]:
    """The first name of each distinct published graph, by digest, trained or deployed.

    A network that deploys as another one does goes by its own name while it has its train-time
    forms, and by that of the plain network once they are collapsed.
    """
    names: dict[str, str] = {}
    graphs = {name: entry.build() for name, entry in ENTRIES.items()}
    for name, graph in graphs.items():
        names.setdefault(graph.digest, name)
    for name, graph in graphs.items():
        names.setdefault(graph.deployed.digest, name)
    return names


def _is_mobile_x3(graph: Graph) -> bool:
    return graph.channels == 3 and graph.scale == 3 and not violations(graph)
