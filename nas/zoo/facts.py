"""What can be said of a published network: counts of its graph beside what papers print."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from difflib import get_close_matches
from typing import Any

from nas.errors import UsageError
from nas.graph import FORMS, Graph, to_text
from nas.readers.cost import read_cost
from nas.zoo import ENTRIES, FAMILIES, Entry, family_of, variants_of

__all__ = ["COUNTED", "counts_of", "facts_of", "known_figures", "one_of", "select", "sorted_by"]

COUNTED = ("parameters", "fixed_parameters", "macs", "peak_memory_bytes")
_CONFIDENCES = ("exact", "inferred", "stand-in")


def counts_of(graph: Graph) -> dict[str, Any]:
    """Digest, scale, text form and costs at an input of 640x360."""
    cost = read_cost(graph, 360, 640)
    return {
        "digest": graph.digest,
        "scale": graph.scale,
        "parameters": cost.parameters,
        "fixed_parameters": cost.fixed_parameters,
        "macs": cost.macs,
        "peak_memory_bytes": cost.peak_memory_bytes,
        "network": to_text(graph),
    }


def facts_of(entry: Entry) -> dict[str, Any]:
    """All that is known of an entry, in types that JSON has."""
    return {
        "name": entry.name,
        "family": family_of(entry.name),
        "team": entry.team,
        "year": entry.year,
        **counts_of(entry.build()),
        "source": entry.source,
        "confidence": entry.confidence,
        "note": entry.note,
        "recipe": entry.recipe,
        "reading_of": entry.reading_of,
        "readings": variants_of(entry.name),
        "forms": entry.forms,
        "published": [asdict(figure) for figure in entry.published],
    }


def known_figures() -> tuple[str, ...]:
    """Names of all counts and published figures, the counts first."""
    published = (figure.name for entry in ENTRIES.values() for figure in entry.published)
    return tuple(dict.fromkeys((*COUNTED, *published)))


def one_of(kind: str, name: str, known: Iterable[str]) -> str:
    """`name`, which must be known.

    Raises:
        UsageError: It is not; names the nearest one that is, or all if none is near.
    """
    names = tuple(known)
    if name in names:
        return name
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
    raise UsageError(f"there is no {kind} {name!r}", hint)


def select(
    *,
    family: str | None = None,
    year: int | None = None,
    confidence: str | None = None,
    scale: int | None = None,
    form: str | None = None,
    max_parameters: int | None = None,
) -> list[dict[str, Any]]:
    """Facts of the entries that pass every filter that is given.

    Raises:
        UsageError: No such family, confidence or form.
    """
    if confidence is not None:
        one_of("confidence", confidence, _CONFIDENCES)
    if form is not None:
        one_of("form", form, (name for name in FORMS if name != "plain"))
    if family is not None:
        one_of("family", family, FAMILIES)
    facts = [facts_of(entry) for entry in (FAMILIES[family] if family else ENTRIES.values())]
    wanted = {"year": year, "confidence": confidence, "scale": scale}
    return [
        fact
        for fact in facts
        if all(value is None or fact[key] == value for key, value in wanted.items())
        and (form is None or form in fact["forms"])
        and (max_parameters is None or fact["parameters"] <= max_parameters)
    ]


def sorted_by(
    facts: Sequence[dict[str, Any]], figure: str, *, descending: bool = False
) -> list[tuple[dict[str, Any], float | None]]:
    """Facts with their value of `figure`, sorted by it; those without one last.

    Raises:
        UsageError: No such figure.
    """
    one_of("figure", figure, known_figures())
    pairs = [(fact, _value(fact, figure)) for fact in facts]
    sign = -1 if descending else 1

    def order(pair: tuple[dict[str, Any], float | None]) -> tuple[bool, float]:
        return (pair[1] is None, sign * (pair[1] or 0.0))

    return sorted(pairs, key=order)


def _value(fact: dict[str, Any], figure: str) -> float | None:
    if figure in COUNTED:
        return float(fact[figure])
    return next((one["value"] for one in fact["published"] if one["name"] == figure), None)
