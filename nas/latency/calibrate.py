"""Measures the networks of a plan on a device: one durable row each, none twice."""

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from nas.errors import DeviceError
from nas.graph import Graph
from nas.latency.backends.base import Backend, Conditions, Measurement
from nas.latency.backends.files import measurable_file
from nas.latency.devices import Device
from nas.latency.fresh import KEPT_BACK
from nas.latency.records import Record, Resolve, append_records, load_records, row_of
from nas.latency.sample import Plan
from nas.quantize.quiet import quiet

__all__ = [
    "GIVE_UP",
    "Job",
    "Step",
    "calibrate",
    "check_conditions",
    "check_hardware",
    "filed",
    "jobs_left",
    "known_records",
    "measure",
    "source_of",
    "usual_conditions",
]

GIVE_UP = 3  # networks that fail one after the other


@dataclass(frozen=True, slots=True)
class Job:
    """A network to measure, to fit it or to keep it back."""

    graph: Graph
    fresh: bool

    def record(self, row: Record) -> Record:
        """`row`, marked as what it is for."""
        return replace(row, used_for_fit=False, why_not=KEPT_BACK) if self.fresh else row


@dataclass(frozen=True, slots=True)
class Step:
    """What became of a job: a row, or a problem."""

    job: Job
    record: Record | None
    problem: str


def known_records(device: Device, resolve: Resolve) -> tuple[Record, ...]:
    """The rows of a device, none where it has no file of them; raises as `load_records`."""
    return load_records(device, resolve) if device.measurements.is_file() else ()


def jobs_left(plan: Plan, records: Iterable[Record]) -> tuple[Job, ...]:
    """What of the plan no row holds yet, fitted or kept back."""
    done = {
        record.graph.deployed.digest
        for record in records
        if record.graph and (record.used_for_fit or record.why_not == KEPT_BACK)
    }
    jobs = [Job(graph, False) for graph in plan.sample] + [Job(graph, True) for graph in plan.fresh]
    return tuple(job for job in jobs if job.graph.digest not in done)


def calibrate(
    device: Device, backend: Backend, jobs: Sequence[Job], records: Sequence[Record], *, source: str
) -> Iterator[Step]:
    """Measures one job after the other; its row is on the disk when a step comes.

    Args:
        device: In a folder that may be written to.
        backend: Ready.
        jobs: What to measure.
        records: The rows that are there, whose conditions must be those of the new ones.
        source: Who measures, on what, and when.

    Raises:
        DeviceError: Other conditions, `GIVE_UP` failures in a row, or a disk that is full.
    """
    failures = 0
    known = list(records)
    for job in jobs:
        try:
            measured = measure(backend, job.graph, height=device.height, width=device.width)
        except Exception as error:  # of a converter, a program, a phone: the others go on
            failures += 1
            if failures == GIVE_UP:
                raise DeviceError(
                    f"{GIVE_UP} networks in a row failed on {device.name}, the last: {error}",
                    "what was measured is kept; mend it and give the same command again",
                ) from error
            yield Step(job, None, " ".join(str(error).split()))
            continue
        failures = 0
        check_conditions(device, known, measured.conditions)
        record = job.record(row_of(device, job.graph, measured, source=source))
        append_records(device.measurements, [record])
        known.append(record)
        yield Step(job, record, "")


def measure(backend: Backend, graph: Graph, *, height: int, width: int) -> Measurement:
    """The time of a network, whose file is made for it and thrown away.

    Raises:
        NasError: It cannot be an integer file, or the back-end failed.
    """
    with tempfile.TemporaryDirectory(prefix="nas-measure-") as folder:
        with quiet():  # TensorFlow greets whoever loads it
            file = measurable_file(graph, height=height, width=width, folder=Path(folder))
        return backend.measure(graph.deployed, file)


def usual_conditions(records: Iterable[Record]) -> Conditions | None:
    """Those of most fitted rows; None where no row is fitted."""
    found = Counter(record.conditions for record in records if record.used_for_fit)
    return max(found, key=found.__getitem__, default=None)


def check_conditions(device: Device, records: Sequence[Record], conditions: Conditions) -> None:
    """Raises `DeviceError` where rows are fitted, but none under `conditions`."""
    fitted = {record.conditions for record in records if record.used_for_fit}
    if not fitted or conditions in fitted:
        return
    usual = usual_conditions(records)
    names = [n for n in Conditions.__slots__ if getattr(usual, n) != getattr(conditions, n)]
    differences = (f"{n} {getattr(usual, n)}, and now {getattr(conditions, n)}" for n in names)
    raise DeviceError(
        f"{device.name} was measured under other conditions: {'; '.join(differences)}",
        "give --device a new name: rows of different conditions do not belong in one fit",
    )


def check_hardware(device: Device, records: Iterable[Record], what: str) -> None:
    """Raises `DeviceError` where a fitted row was measured on something else than `what`."""
    for record in records:
        if record.used_for_fit and not record.source.startswith(what):
            raise DeviceError(
                f"{device.name} was measured elsewhere ({record.source}), and this is {what}",
                "give --device a new name for it; --from starts it from that one's model",
            )


def filed(row: Record, records: Sequence[Record]) -> Record:
    """`row` as it may stand among `records`: not fitted where that would spoil a fit or a test."""
    same = [known for known in records if known.graph and known.graph.deployed == row.graph]
    fitted = {known.conditions for known in records if known.used_for_fit}
    why_not = ""
    if any(known.why_not == KEPT_BACK for known in same):
        why_not = KEPT_BACK
    elif row.conditions in {known.conditions for known in same if known.used_for_fit}:
        why_not = "measured before under the same conditions"
    elif fitted and row.conditions not in fitted:
        why_not = "no fitted row was measured under these conditions"
    return replace(row, used_for_fit=not why_not, why_not=why_not)


def source_of(what: str) -> str:
    """What to write as the source of a row of today."""
    return f"{what}, {date.today().isoformat()}"
