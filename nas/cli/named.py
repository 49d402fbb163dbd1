"""Networks as the commands of `nas latency` take them: published, in a file, or of a run."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nas.cli.networks import read_network

if TYPE_CHECKING:
    from nas.graph import Graph

__all__ = ["named_networks", "published"]


def published(name: str) -> "Graph":
    """The graph of a published network."""
    from nas.zoo import zoo_graph

    return zoo_graph(name)


def named_networks(names: Sequence[str], *, most: int | None = None) -> list[tuple[str, "Graph"]]:
    """The graph of each of `names`: `zoo:NAME`, NAME, a file with the text form, RUN#TRIAL.

    Raises:
        UsageError: None, or more than `most`; or as `read_network`.
        RunError: No such run or trial.
    """
    from nas.errors import UsageError

    if not names:
        raise UsageError("no network is named", "such as zoo:xlsr, a file, or RUN#TRIAL")
    if most and len(names) > most:
        raise UsageError(f"{' and '.join(names)} are too many networks", f"name {most}")
    return [(name, _read(name)) for name in names]


def _read(name: str) -> "Graph":
    run, hash_, trial = name.rpartition("#")
    if hash_ and trial.isdecimal() and not Path(name).is_file():
        return _of_run(run, int(trial))
    return read_network(name)


def _of_run(run: str, trial: int) -> "Graph":
    """The network of a trial, whether it was trained or not."""
    import csv

    from nas.cli.runs import find_run
    from nas.errors import RunError
    from nas.graph import parse_text

    table = find_run(run) / "trials.csv"
    if not table.is_file():
        raise RunError(f"run {run} has no trials.csv yet", "wait for it, or resume it")
    with table.open(newline="", encoding="utf-8") as lines:
        found = {row["number"]: row["network"] for row in csv.DictReader(lines)}
    if not found.get(str(trial)):
        raise RunError(f"run {run} has no network of a trial {trial}", f"see {table}")
    return parse_text(found[str(trial)])
