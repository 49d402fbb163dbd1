"""Compares each network's counts with reference numbers, and its file with the published size."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from nas.graph import violations
from nas.readers.cost import count_macs, count_parameters
from nas.zoo import ENTRIES, Entry, zoo_entry

__all__ = ["Reference", "Row", "check_networks", "reference_counts"]

_NEAR_KIB = 3.0
_NEAR_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Reference:
    """Counts worked out from the papers, without this package."""

    parameters: int
    macs_640x360: int


@dataclass(frozen=True, slots=True)
class Row:
    """One network's comparison.

    Args:
        name: Of the network.
        parameters: Counted here.
        reference_parameters: Worked out from the papers.
        macs: Counted here, for an image of 640x360 pixels.
        reference_macs: Worked out from the papers.
        printed: The published parameter count as printed, or "".
        printed_ok: Whether the count rounds to it; None where nothing is printed.
        doubt: Why a printed count is not believed.
        tflite_kib: Size of the converted file; None where it was not made.
        published_kib: Size in print; None where there is none.
    """

    name: str
    parameters: int
    reference_parameters: int
    macs: int
    reference_macs: int
    printed: str = ""
    printed_ok: bool | None = None
    doubt: str = ""
    tflite_kib: float | None = None
    published_kib: float | None = None

    @property
    def mismatches(self) -> tuple[str, ...]:
        """What differs; a printed count only where it is believed."""
        wrong = []
        if self.parameters != self.reference_parameters:
            wrong.append("parameters")
        if self.macs != self.reference_macs:
            wrong.append("MACs")
        if self.printed_ok is False and not self.doubt:
            wrong.append("printed parameters")
        return tuple(wrong)

    @property
    def size_ok(self) -> bool | None:
        """Whether the file is within 5 % or 3 KiB of the published size; None if not compared."""
        if self.tflite_kib is None or self.published_kib is None:
            return None
        away_kib = abs(self.tflite_kib - self.published_kib)
        return away_kib <= max(_NEAR_KIB, _NEAR_SHARE * self.published_kib)


@cache
def reference_counts() -> dict[str, Reference]:
    """Of each network."""
    lines = files("nas.zoo").joinpath("counts.csv").read_text(encoding="utf-8").splitlines()
    return {
        row["name"]: Reference(int(row["parameters"]), int(row["macs_640x360"]))
        for row in csv.DictReader(lines)
    }


def check_networks(names: Sequence[str] = (), *, tflite: bool = False) -> list[Row]:
    """Compares the networks `names`, or all.

    Args:
        names: In any case.
        tflite: Whether files are made too: of each network named, else of each with a published
            size, as far as it can run in INT8.

    Raises:
        UsageError: No such network.
    """
    entries = [zoo_entry(name) for name in names] or list(ENTRIES.values())
    return [_check(entry, tflite=tflite, always=bool(names)) for entry in entries]


def _check(entry: Entry, *, tflite: bool, always: bool) -> Row:
    graph, reference = entry.build(), reference_counts()[entry.name]
    printed, size = entry.figure("parameters"), entry.figure("model_size_kib")
    parameters = count_parameters(graph)
    tflite_kib = None
    if tflite and (size or always) and not violations(graph):
        from nas.zoo.sizes import tflite_size_kib

        tflite_kib = tflite_size_kib(graph)
    return Row(
        name=entry.name,
        parameters=parameters,
        reference_parameters=reference.parameters,
        macs=count_macs(graph, 360, 640),
        reference_macs=reference.macs_640x360,
        printed=printed.printed if printed else "",
        printed_ok=printed.agrees(parameters) if printed else None,
        doubt=printed.doubt if printed else "",
        tflite_kib=tflite_kib,
        published_kib=size.value if size else None,
    )
