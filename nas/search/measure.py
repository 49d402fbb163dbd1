"""Finalists timed by the back-end of their device, and what its latency model learns of it.

The result of a run is there before anything is measured: whatever fails here is told, and the
times that failed stay predicted.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nas.errors import DeviceError, UsageError, UserError
from nas.graph import parse_text
from nas.latency.backends import open_backend
from nas.latency.backends.base import Backend, Measurement
from nas.latency.backends.files import input_size
from nas.latency.calibrate import (
    check_hardware,
    filed,
    known_records,
    source_of,
    usual_conditions,
)
from nas.latency.calibrate import measure as measure_anew
from nas.latency.devices import Device, device_names, load_device, own_folder, read_device
from nas.latency.making import make_model
from nas.latency.records import AGREEMENT, Record, append_records, row_of
from nas.search.config import SearchConfig
from nas.search.events import Watcher
from nas.search.folder import write_json
from nas.search.result import rank
from nas.search.score import challenge_score
from nas.zoo import zoo_graph

__all__ = ["Meter", "is_measured", "measure_finalists", "open_meter"]

Result = dict[str, Any]
_ESTIMATES = ("vela",)  # nothing runs; their times are never called measured


@dataclass(frozen=True, slots=True)
class Meter:
    """A device and the back-end that measures it."""

    device: Device
    backend: Backend

    @property
    def how(self) -> str:
        """Such as "measured by host-cpu", as a result calls its times."""
        name = self.backend.name
        return f"{'estimated' if name in _ESTIMATES else 'measured'} by {name}"


def open_meter(device: Device, name: str, *, now: bool = True) -> Meter:
    """The back-end `name`, set as it was when the rows of `device` were measured.

    Args:
        device: Whose rows and model it feeds; no other back-end's times may mix with them.
        name: Of the back-end.
        now: Whether it is made sure that it can measure.

    Raises:
        UsageError: The device is measured by another back-end, or by none.
        DeviceError: It cannot measure now, or the rows of the device are wrong.
    """
    if device.backend != name:
        how = f"by {device.backend}" if device.backend else "by no back-end: its rows were typed in"
        same = [other for other in device_names() if load_device(other).backend == name]
        raise UsageError(
            f"{device.name} is not measured by {name} but {how}",
            f"devices of {name}: {', '.join(same) or 'none'}; or leave out --measure",
        )
    records = known_records(device, zoo_graph)
    usual = usual_conditions(records)
    options = {"threads": usual.threads} if usual and usual.threads else {}
    backend = open_backend(name, device.name, **options)
    check_hardware(device, records, backend.describe())
    if now:
        try:
            backend.check()
        except DeviceError as error:
            hint = error.hint
            if "--" in hint:
                hint += "; `nas latency measure` has such options, `nas search` has not"
            raise DeviceError(error.message, hint) from None
    return Meter(device, backend)


def is_measured(folder: Path) -> bool:
    """Whether a run has its finalists and a measured time of each."""
    path = folder / "finalists.json"
    return path.is_file() and not _without_time(json.loads(path.read_text(encoding="utf-8")))


def measure_finalists(
    meter: Meter,
    results: Sequence[Result],
    folder: Path,
    *,
    config: SearchConfig,
    watch: Watcher,
) -> list[Result]:
    """The results with their measured times, best first; those that were measured are kept.

    Args:
        meter: Ready; no worker runs any more.
        results: Of the finalists.
        folder: Of the run; `result.json` of each finalist and `finalists.json` are written.
        config: For the score, and the limit on the time.
        watch: Told of each, and of what the latency model learnt.
    """
    if to_do := _without_time(results):
        who = "1 finalist is" if len(to_do) == 1 else f"{len(to_do)} finalists are"
        watch.note(f"{who} {meter.how}")
    for result in to_do:
        number = int(result["trial"])
        try:
            measured, facts = _measure(meter, result, folder, config)
        except Exception as error:  # of a program, a converter, a phone: the others go on
            watch.note(f"finalist {number} was not measured: {_line(error)}")
            continue
        watch.note(_sentence(result, measured, meter.how))
        try:
            if left_out := _keep_row(meter, result, measured, folder.name):
                watch.note(f"the row of finalist {number} is not fitted: {left_out}")
        except (UserError, OSError) as error:
            watch.note(f"the row of finalist {number} was not kept: {_line(error)}")
        _add(folder, result, facts)
    try:
        _learn(meter.device, results, folder, watch)
    except Exception as error:  # such as rows that somebody else broke meanwhile
        watch.note(f"the latency model of {meter.device.name} is as it was: {_line(error)}")
    ranked = rank(results)
    write_json(folder / "finalists.json", ranked)
    return ranked


def _measure(
    meter: Meter, result: Result, folder: Path, config: SearchConfig
) -> tuple[Measurement, dict[str, Any]]:
    """The measurement, and what `result.json` holds of it."""
    graph, device = parse_text(result["network"]), meter.device
    own = folder / "finalists" / str(result["trial"]) / "model.tflite"
    height, width = device.height, device.width
    if own.is_file() and input_size(own) == (height, width):
        measured, note = meter.backend.measure(graph.deployed, own), ""
    else:
        measured = measure_anew(meter.backend, graph, height=height, width=width)
        note = "a file of this input size with random weights; "
    psnr_db = result["psnr_litert_int8_db"]
    slow = config.limits.excesses(latency_ms=measured.latency_ms)
    over = [f"{meter.how}, {excess.told}" for excess in slow]
    return measured, {
        "measured_how": meter.how,
        "measured_ms": measured.latency_ms,
        "measured_noise": measured.noise,
        "measured_conditions": asdict(measured.conditions),
        "measured_note": (note + measured.note).removesuffix("; "),
        "score_measured": challenge_score(psnr_db, measured.latency_ms, config.score),
        "over_limits": [*result.get("over_limits", ()), *over],
    }


def _keep_row(meter: Meter, result: Result, measured: Measurement, run: str) -> str:
    """Adds the row to those of the device; says why it will not be fitted, if so."""
    own = read_device(own_folder(meter.device))
    records = known_records(own, zoo_graph)
    graph = parse_text(result["network"]).deployed
    source = source_of(f"{meter.backend.describe()}, run {run}, trial {result['trial']}")
    row = row_of(own, graph, measured, source=source, name=result["zoo"])
    row = filed(row, records)
    if any(_says_the_same(row, known) for known in records):
        return "it is among them already"
    append_records(own.measurements, [row])
    return row.why_not


def _says_the_same(row: Record, known: Record) -> bool:
    return (
        known.graph is not None
        and known.graph.deployed == row.graph
        and known.conditions == row.conditions
        and abs(known.latency_ms - row.latency_ms) <= AGREEMENT * known.latency_ms
    )


def _learn(device: Device, results: Sequence[Result], folder: Path, watch: Watcher) -> None:
    """Makes the model again, unless it has seen all measured finalists."""
    measured = [result for result in results if "measured_ms" in result]
    if all("latency_refitted_ms" in result for result in measured):
        return
    own = read_device(own_folder(device))
    watch.note(f"the latency model of {device.name} is made again")
    found = make_model(own, zoo_graph)
    if found is None:
        return
    watch.note(f"{own.folder} now rests on {len(found.rows)} networks; in ms:")
    for result in measured:
        now_ms = found.model.predict(parse_text(result["network"])).latency_ms
        _add(folder, result, {"latency_refitted_ms": now_ms})
        watch.note(
            f"trial {result['trial']}: {result['latency_ms']:.2f} predicted before, {now_ms:.2f} "
            f"now, {result['measured_ms']:.2f} {result['measured_how']}"
        )


def _add(folder: Path, result: Result, facts: dict[str, Any]) -> None:
    """To `result`, and to what lies of it on the disk."""
    result.update(facts)
    path = folder / "finalists" / str(result["trial"]) / "result.json"
    write_json(path, {**json.loads(path.read_text(encoding="utf-8")), **facts})


def _without_time(results: Sequence[Result]) -> list[Result]:
    return [result for result in results if "measured_ms" not in result]


def _sentence(result: Result, measured: Measurement, how: str) -> str:
    noise = f", noise {100 * measured.noise:.1f} %" if measured.noise else ""
    return (
        f"finalist {result['trial']}: {measured.latency_ms:.2f} ms {how}{noise}, "
        f"{result['latency_ms']:.2f} predicted ({result['latency_low_ms']:.2f} to "
        f"{result['latency_high_ms']:.2f})"
    )


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
