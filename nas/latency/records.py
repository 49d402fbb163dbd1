"""Measured rows of one device, read from its `measurements.csv`.

Read with `csv`, not pandas: an error can name its line, and predicting needs no table.
"""

import csv
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nas.errors import DeviceError, NasError
from nas.graph import Graph

__all__ = ["COLUMNS", "Record", "load_records"]

COLUMNS = (
    "network",
    "latency_ms",
    "used_for_fit",
    "why_not",
    "psnr_fp32_db",
    "psnr_int8_db",
    "psnr_uint8_db",
    "conditions",
    "source",
)
Resolve = Callable[[str], Graph]


@dataclass(frozen=True)
class Record:
    """One measurement.

    Args:
        network: Its name, which `resolve` of `load_records` understands.
        latency_ms: Of one inference.
        used_for_fit: Whether the model is fitted to it.
        why_not: The reason where it is not.
        conditions: Year, toolchain, layout.
        source: Paper and table.
        psnr_db: Published quality by column ("psnr_int8_db", ...), where there is any.
        graph: What the name stands for; None where nobody knows, which bars it from the fit.
    """

    network: str
    latency_ms: float
    used_for_fit: bool
    why_not: str
    conditions: str
    source: str
    psnr_db: dict[str, float]
    graph: Graph | None


def load_records(path: Path, resolve: Resolve) -> tuple[Record, ...]:
    """All rows of a file.

    Args:
        path: A `measurements.csv` with the columns `COLUMNS`.
        resolve: The graph of a network's name; raises a `NasError` where it knows none.

    Raises:
        DeviceError: No such file, other columns, or a bad row; names file and line.
    """
    if not path.is_file():
        raise DeviceError(f"there is no file {path}", "a device is a folder with one")
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            found = ", ".join(reader.fieldnames or ())
            raise DeviceError(f"{path}, line 1: columns are {found}", f"need {', '.join(COLUMNS)}")
        records = []
        for row in reader:
            try:
                records.append(_record(row, resolve))
            except ValueError as error:
                raise DeviceError(f"{path}, line {reader.line_num}: {error}", "mend it") from None
    return tuple(records)


def _record(row: dict[str, str], resolve: Resolve) -> Record:
    if None in row.values() or None in row:
        raise ValueError(f"a row has {len(COLUMNS)} cells")
    for column in ("network", "conditions", "source"):
        if not row[column].strip():
            raise ValueError(f"{column} is empty")
    if row["used_for_fit"] not in ("true", "false"):
        raise ValueError(f"used_for_fit is true or false, got {row['used_for_fit']!r}")
    used = row["used_for_fit"] == "true"
    if used == bool(row["why_not"]):
        raise ValueError("why_not says why a row is not used, and nothing where it is")
    try:
        graph = resolve(row["network"])
    except NasError as error:
        if used:
            raise ValueError(str(error)) from None
        graph = None
    return Record(
        network=row["network"],
        latency_ms=_positive(row, "latency_ms"),
        used_for_fit=used,
        why_not=row["why_not"],
        conditions=row["conditions"],
        source=row["source"],
        psnr_db={c: _positive(row, c) for c in COLUMNS if c.startswith("psnr_") and row[c]},
        graph=graph,
    )


def _positive(row: dict[str, str], column: str) -> float:
    try:
        value = float(row[column])
    except ValueError:
        value = math.nan
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{column} is a positive number, got {row[column]!r}")
    return value
