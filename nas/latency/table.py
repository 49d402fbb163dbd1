"""A table that a person fills in: networks measured by a program that `nas` cannot start.

It is written with a TensorFlow Lite file for each network, and read when times stand in it.
"""

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from nas.errors import DeviceError, NasError, TextError
from nas.graph import parse_text, to_text
from nas.latency.backends.base import Conditions, Measurement
from nas.latency.backends.files import measurable_file
from nas.latency.calibrate import Job, source_of, usual_conditions
from nas.latency.devices import Device
from nas.latency.records import AGREEMENT, Record, row_of
from nas.latency.texts import write_texts
from nas.quantize.quiet import quiet

__all__ = ["COLUMNS", "convert_jobs", "new_rows", "read_table", "table_of", "write_table"]

COLUMNS = ("file", "network", "purpose", "latency_ms")
_PURPOSES = {False: "fit", True: "test"}
_FILES = "files"  # beside the table
_STATISTIC = "as typed"
_KEEP = "change nothing but latency_ms"


def table_of(device: Device) -> Path:
    """Where the table of a device lies."""
    return device.folder / "to_measure.csv"


def convert_jobs(device: Device, jobs: Sequence[Job]) -> Iterator[Path]:
    """The file of one job after the other; those that are there are not made again.

    Raises:
        IllegalError: A network that cannot be an integer file.
    """
    size = {"height": device.height, "width": device.width}
    for job in jobs:
        with quiet():  # TensorFlow greets whoever loads it
            file = measurable_file(job.graph, **size, folder=device.folder / _FILES)
        yield file


def write_table(device: Device, jobs: Sequence[Job]) -> Path:
    """One line for each job, its time to be typed in.

    Raises:
        DeviceError: It cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for job in jobs:
        network = to_text(job.graph, separator="; ")
        writer.writerow((_file_of(device, job), network, _PURPOSES[job.fresh], ""))
    write_texts({table_of(device): text.getvalue()})
    return table_of(device)


def read_table(path: Path, device: Device, records: Sequence[Record]) -> tuple[Record, ...]:
    """The rows of all lines with a time.

    Args:
        path: A table that `write_table` wrote, filled in.
        device: Whose times they are.
        records: The rows that are there; a typed row is thought to hold under their conditions.

    Raises:
        DeviceError: No such table, none of its times is there, or a cell is wrong; names the line.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")  # spreadsheets write a mark in front
    except (OSError, UnicodeDecodeError) as error:
        raise DeviceError(f"{path} cannot be read: {error}", "give --table another file") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    found: dict[str, Record] = {}
    conditions = _conditions(device, records)
    source = source_of(f"typed into {path.name}")
    try:
        if (columns := tuple(next(reader, []))) != COLUMNS:
            raise DeviceError(f"columns are {', '.join(columns)}", f"need {', '.join(COLUMNS)}")
        for cells in reader:
            if not any(cells):
                continue
            job, latency_ms = _read_line(cells, device)
            if latency_ms is None:
                continue
            if job.graph.digest in found:
                raise DeviceError(f"{cells[0]} is there twice", "delete one of the lines")
            row = row_of(device, job.graph, Measurement(latency_ms, 0, conditions), source=source)
            found[job.graph.digest] = job.record(row)
            _check_known(found[job.graph.digest], records, device)
    except (csv.Error, NasError) as error:
        message, hint = _said(error)
        raise DeviceError(f"{path}, line {max(reader.line_num, 1)}: {message}", hint) from None
    if not found:
        raise DeviceError(
            f"no time stands in {path}", "type milliseconds into latency_ms, line by line"
        )
    return tuple(found.values())


def new_rows(rows: Sequence[Record], records: Sequence[Record]) -> tuple[Record, ...]:
    """Those of `rows` that are not among `records`."""
    known = {record.key for record in records}
    return tuple(row for row in rows if row.key not in known)


def _read_line(cells: Sequence[str], device: Device) -> tuple[Job, float | None]:
    if len(cells) != len(COLUMNS):
        raise DeviceError(f"a line has {len(COLUMNS)} cells, got {len(cells)}", _KEEP)
    file, network, purpose, latency = (cell.strip() for cell in cells)
    if purpose not in _PURPOSES.values():
        raise DeviceError(f"purpose is {' or '.join(_PURPOSES.values())}, got {purpose!r}", _KEEP)
    try:
        job = Job(parse_text(network), fresh=purpose == _PURPOSES[True])
    except TextError as error:
        raise DeviceError(f"its network, {error.message}", error.hint) from None
    if file not in ("", _file_of(device, job)):  # none in a line that a person added
        raise DeviceError(f"{file!r} is not the file of this network", _KEEP)
    return job, _time(latency) if latency else None


def _time(text: str) -> float:
    try:
        latency_ms = float(text)
    except ValueError:
        raise DeviceError(
            f"latency_ms is a number, got {text!r}",
            "write 12.5, without a unit; leave it empty where the network did not run",
        ) from None
    if not (latency_ms > 0 and math.isfinite(latency_ms)):
        raise DeviceError(
            f"latency_ms is a positive number, got {text}",
            "leave it empty where the network did not run",
        )
    return latency_ms


def _check_known(row: Record, records: Sequence[Record], device: Device) -> None:
    for known in records:
        if known.key == row.key and abs(known.latency_ms - row.latency_ms) > (
            AGREEMENT * known.latency_ms
        ):
            raise DeviceError(
                f"it took {known.latency_ms:g} ms when it was read before, and now "
                f"{row.latency_ms:g} ms",
                f"delete its row in {device.measurements} if the new time is right",
            )


def _conditions(device: Device, records: Sequence[Record]) -> Conditions:
    """Of the fitted rows, or what the device says of itself."""
    if usual := usual_conditions(records):
        return replace(usual, statistic=_STATISTIC)
    return Conditions(
        runtime=device.conditions,
        precision=device.precision,
        height=device.height,
        width=device.width,
        layout="NHWC",
        threads=0,
        statistic=_STATISTIC,
    )


def _file_of(device: Device, job: Job) -> str:
    return f"{_FILES}/{job.graph.digest}-{device.height}x{device.width}.tflite"


def _said(error: Exception) -> tuple[str, str]:
    message = getattr(error, "message", str(error))
    return message, getattr(error, "hint", "") or _KEEP
