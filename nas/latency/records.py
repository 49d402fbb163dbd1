"""Measured rows of one device: read from its `measurements.csv`, and appended to it.

Read with `csv`, not pandas: an error can name its line, and predicting needs no table. A row is one
line that ends, so a line without an end shows that its writer was killed.
"""

import csv
import io
import math
import os
import re
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nas.errors import DeviceError, NasError, UserError
from nas.graph import Graph, parse_text, to_text
from nas.latency.backends.base import Conditions, Measurement
from nas.latency.devices import Device

__all__ = ["COLUMNS", "Record", "append_records", "load_records", "median_noise", "row_of"]

COLUMNS = (
    "device",
    "network",
    "latency_ms",
    "used_for_fit",
    "why_not",
    "runtime",
    "precision",
    "input",
    "layout",
    "threads",
    "statistic",
    "noise",
    "note",
    "node_ms",
    "source",
)
AGREEMENT = 1e-3  # of two times of one network under equal conditions, as a part of the first
_SUM_AGREEMENT = 0.01  # of the nodes' times and the whole, as a part of the whole
Resolve = Callable[[str], Graph]


@dataclass(frozen=True)
class Record:
    """One measurement.

    Args:
        device: Its name.
        network: A published name, with or without "zoo:", or the text form on one line.
        graph: What `network` stands for; None where nobody knows, which bars it from the fit.
        latency_ms: Of one inference.
        used_for_fit: Whether the model is fitted to it.
        why_not: The reason where it is not.
        conditions: What else the time depends on.
        noise: As in `Measurement`; 0 where it is not known.
        note: What a reader must know; may be empty.
        source: Paper and table, or what measured it and when.
        node_ms: As in `Measurement`; may be empty.

    Raises:
        DeviceError: A value that no measurement can have.
    """

    device: str
    network: str
    graph: Graph | None
    latency_ms: float
    used_for_fit: bool
    why_not: str
    conditions: Conditions
    noise: float
    note: str
    source: str
    node_ms: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if complaint := next(_complaints(self), ""):
            raise DeviceError(complaint, "mend it")

    @property
    def key(self) -> tuple[str, Conditions]:
        """Equal for two measurements of one thing.

        Two published names may stand for one graph, each timed by its own team; a text form stands
        for its graph alone.
        """
        if self.graph is not None and _is_text(self.network):
            return self.graph.deployed.digest, self.conditions
        return _bare(self.network).casefold(), self.conditions


def load_records(device: Device, resolve: Resolve) -> tuple[Record, ...]:
    """All rows of a device's `measurements.csv`.

    Args:
        device: Whose rows; a row of another, or of another input size, is refused.
        resolve: The graph of a published name; raises a `NasError` where it knows none.

    Raises:
        DeviceError: No such file, other columns, a bad row, or two rows that contradict each
            other; names file and line.
    """
    path = device.measurements
    if not path.is_file():
        raise DeviceError(f"{device.name} has no rows: there is no {path}", device.way_to_measure)
    text = _read(path)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    records: list[Record] = []
    lines: dict[tuple[str, Conditions], tuple[int, Record]] = {}
    try:
        _check_columns(next(reader, []))
        for cells in reader:
            record = _record(cells, device, resolve)
            records.append(record)
            if record.used_for_fit:
                line, first = lines.setdefault(record.key, (reader.line_num, record))
                _check_agreement(record, first, line)
    except (csv.Error, NasError) as error:
        message, hint = _said(error)
        raise DeviceError(f"{path}, line {max(reader.line_num, 1)}: {message}", hint) from None
    return tuple(records)


def append_records(path: Path, records: Iterable[Record]) -> None:
    """Adds rows, so that they are on the disk when this returns.

    All rows or none: where the disk is full, the file is as before. An absent file is made, with
    its header.

    Raises:
        DeviceError: The file has other columns or a last line without an end, which a row would
            be glued to; or it cannot be written.
    """
    before = _read(path) if path.is_file() else ""
    new = io.StringIO()
    writer = csv.writer(new, lineterminator="\n")
    if before:
        try:
            _check_columns(next(csv.reader([before.partition("\n")[0]]), []))
        except DeviceError as error:
            raise DeviceError(f"{path}, line 1: {error.message}", error.hint) from None
    else:
        writer.writerow(COLUMNS)
    writer.writerows(map(_cells, records))
    try:
        with path.open("ab") as file:
            size = file.tell()
            try:
                file.write(new.getvalue().encode())
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                file.truncate(size)
                raise
    except OSError as error:
        raise DeviceError(f"cannot write {path}: {error.strerror}", "no row was added") from None


def median_noise(records: Iterable[Record]) -> float | None:
    """Of the rows that know theirs, in per cent; None where none does."""
    noises = [record.noise for record in records if record.noise]
    return 100 * statistics.median(noises) if noises else None


def row_of(
    device: Device, graph: Graph, measured: Measurement, *, source: str, name: str = ""
) -> Record:
    """What to append after a measurement.

    Args:
        device: What was measured on.
        graph: The network.
        measured: Its time; line breaks of its note become spaces.
        source: Who measured it, and when.
        name: A published name to write in place of the text form.

    Raises:
        DeviceError: It was measured at another input size than the device's.
    """
    _check_size(measured.conditions, device)
    return Record(
        device=device.name,
        network=name or to_text(graph, separator="; "),
        graph=graph,
        latency_ms=measured.latency_ms,
        used_for_fit=True,
        why_not="",
        conditions=measured.conditions,
        noise=measured.noise,
        note=" ".join(measured.note.split()),
        source=source,
        node_ms=measured.node_ms,
    )


def _read(path: Path) -> str:
    """The text of a file whose last line has an end."""
    try:
        text = path.read_bytes().decode("utf-8-sig")  # spreadsheets write a mark in front
    except (OSError, UnicodeDecodeError) as error:
        raise DeviceError(f"{path} cannot be read: {error}", "mend it") from None
    if text and not text.endswith("\n"):
        line = text.count("\n") + 1
        raise DeviceError(
            f"{path}, line {line}: the line has no end, as if its writer had been killed",
            "delete the line, or end it if it is whole",
        )
    return text


def _check_columns(found: Sequence[str]) -> None:
    if tuple(found) != COLUMNS:
        raise DeviceError(f"columns are {', '.join(found)}", f"need {', '.join(COLUMNS)}")


def _check_size(conditions: Conditions, device: Device) -> None:
    if (conditions.height, conditions.width) != (device.height, device.width):
        raise DeviceError(
            f"another input size: {conditions.width}x{conditions.height}, and {device.name} is"
            f" measured at {device.width}x{device.height}",
            "make another device for it",
        )


def _check_agreement(record: Record, first: Record, line: int) -> None:
    if abs(record.latency_ms - first.latency_ms) > AGREEMENT * first.latency_ms:
        raise DeviceError(
            f"{record.key[0]} took {record.latency_ms} ms here and {first.latency_ms} ms in line "
            f"{line}, under equal conditions",
            "keep one of them for the fit",
        )


def _record(cells: Sequence[str], device: Device, resolve: Resolve) -> Record:
    if len(cells) != len(COLUMNS):
        raise DeviceError(f"a row has {len(COLUMNS)} cells, got {len(cells)}", "mend it")
    row = dict(zip(COLUMNS, cells, strict=True))
    if row["device"] != device.name:
        raise DeviceError(
            f"a row of another device, {row['device']!r}, among those of {device.name}", "move it"
        )
    if row["used_for_fit"] not in ("true", "false"):
        raise DeviceError(f"used_for_fit is true or false, got {row['used_for_fit']!r}", "mend it")
    used = row["used_for_fit"] == "true"
    conditions = _conditions(row)
    _check_size(conditions, device)
    return Record(
        device=row["device"],
        network=row["network"],
        graph=_graph(row["network"], resolve, needed=used),
        latency_ms=_number(row, "latency_ms"),
        used_for_fit=used,
        why_not=row["why_not"],
        conditions=conditions,
        noise=_number(row, "noise") if row["noise"] else 0.0,
        note=row["note"],
        source=row["source"],
        node_ms=_numbers(row, "node_ms"),
    )


def _cells(record: Record) -> tuple[str, ...]:
    conditions = record.conditions
    return (
        record.device,
        record.network,
        repr(float(record.latency_ms)),
        str(record.used_for_fit).lower(),
        record.why_not,
        conditions.runtime,
        conditions.precision,
        f"{conditions.width}x{conditions.height}",
        conditions.layout,
        str(conditions.threads or ""),
        conditions.statistic,
        repr(float(record.noise)) if record.noise else "",
        record.note,
        " ".join(f"{ms:.6g}" for ms in record.node_ms),
        record.source,
    )


def _conditions(row: dict[str, str]) -> Conditions:
    size = re.fullmatch(r"(\d+)x(\d+)", row["input"])
    if not size:
        raise DeviceError(f"input is WIDTHxHEIGHT, got {row['input']!r}", "mend it")
    if not re.fullmatch(r"[1-9]\d*|", row["threads"]):
        raise DeviceError(f"threads is a count or empty, got {row['threads']!r}", "mend it")
    return Conditions(
        runtime=row["runtime"],
        precision=row["precision"],
        height=int(size[2]),
        width=int(size[1]),
        layout=row["layout"],
        threads=int(row["threads"] or 0),
        statistic=row["statistic"],
    )


def _graph(network: str, resolve: Resolve, *, needed: bool) -> Graph | None:
    if _is_text(network):
        return parse_text(network)
    try:
        return resolve(_bare(network))
    except NasError:
        if needed:
            raise
        return None


def _complaints(record: Record) -> Iterator[str]:
    """What is wrong with a record, one sentence each."""
    conditions = record.conditions
    texts = {
        **{name: getattr(record, name) for name in ("network", "source", "why_not", "note")},
        **{name: getattr(conditions, name) for name in ("runtime", "precision", "statistic")},
        "layout": conditions.layout,
    }
    for name, text in texts.items():
        if not text.strip() and name not in ("why_not", "note", "layout"):
            yield f"{name} is empty"
        if len(f"{text} ".splitlines()) > 1:
            yield f"{name} is more than one line"
    if not (record.latency_ms > 0 and math.isfinite(record.latency_ms)):
        yield f"latency_ms is a positive number, got {record.latency_ms}"
    if not (record.noise >= 0 and math.isfinite(record.noise)):
        yield f"noise is a number of at least 0, got {record.noise}"
    if record.used_for_fit == bool(record.why_not):
        yield "why_not says why a row is not used, and nothing where it is"
    if record.used_for_fit and record.graph is None:
        yield f"nobody knows the graph of {record.network}, so it cannot be fitted"
    if record.node_ms:
        yield from _node_complaints(record)


def _node_complaints(record: Record) -> Iterator[str]:
    """What is wrong with the times of single nodes."""
    if record.graph is None:
        yield f"nobody knows the graph of {record.network}, so node_ms must be empty"
    elif (nodes := len(record.graph.nodes)) != (times := len(record.node_ms)):
        yield f"node_ms has a time for each node of the graph: {nodes}, got {times}"
    if not all(ms >= 0 and math.isfinite(ms) for ms in record.node_ms):
        yield "node_ms are numbers of at least 0"
    elif abs((total := sum(record.node_ms)) - record.latency_ms) > (
        _SUM_AGREEMENT * record.latency_ms
    ):
        yield f"node_ms add up to {total:g} ms, and latency_ms is {record.latency_ms:g}"


def _number(row: dict[str, str], column: str) -> float:
    try:
        return float(row[column])
    except ValueError:
        raise DeviceError(f"{column} is a number, got {row[column]!r}", "mend it") from None


def _numbers(row: dict[str, str], column: str) -> tuple[float, ...]:
    return tuple(_number({column: number}, column) for number in row[column].split())


def _said(error: Exception) -> tuple[str, str]:
    return (error.message, error.hint) if isinstance(error, UserError) else (str(error), "mend it")


def _is_text(network: str) -> bool:
    return network.startswith("0 input(")


def _bare(name: str) -> str:
    return name.removeprefix("zoo:")
