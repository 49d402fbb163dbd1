"""`nas latency measure` and `calibrate`: times from a device, one network's or a sample's."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.accuracy import make_and_show
from nas.cli.counted import counted
from nas.cli.named import named_networks, published
from nas.cli.tables import print_json

if TYPE_CHECKING:  # importing them takes numpy
    from nas.graph import Graph
    from nas.latency.backends.base import Backend, Measurement
    from nas.latency.calibrate import Step
    from nas.latency.devices import Device
    from nas.latency.model import Prediction
    from nas.latency.records import Record
    from nas.latency.sample import Plan

__all__ = ["calibrate", "measure"]

_SAMPLES, _FEW_SAMPLES = 30, 8  # networks to fit; the latter where another device's model helps
_OPTIONS = ("threads", "force", "accelerator", "serial", "delegate", "remote", "adb")

_BY_HAND = """
1. Run each file on the device and note the milliseconds of one inference, best as the median of
   many. On a phone, AI Benchmark's PRO mode runs a file from the folder Download on CPU, GPU or
   NPU; boards have their vendor's program, such as Synaptics' SyNAP.
2. Type them into the column latency_ms of {table}.
   Leave it empty where a network did not run; change nothing else.
3. nas latency calibrate --device {device} --backend csv"""

Name = Annotated[str, typer.Option(help="A name out of `nas latency devices`.")]
NewName = Annotated[str, typer.Option(help="A known device, or the name of a new one.")]
BackendName = Annotated[str, typer.Option(help="host-cpu, vela, adb; csv to type times in.")]
Threads = Annotated[int | None, typer.Option(min=1, help="host-cpu, adb: of the CPU.")]
Force = Annotated[bool, typer.Option("--force", help="host-cpu: measure on a busy machine.")]
Accelerator = Annotated[str | None, typer.Option(help="vela: ethos-u55, -u65 or -u85.")]
Serial = Annotated[str | None, typer.Option(help="adb: of the phone.")]
Delegate = Annotated[str | None, typer.Option(help="adb: cpu, gpu or nnapi.")]
Remote = Annotated[str | None, typer.Option(help="adb: path of benchmark_model on the phone.")]
Adb = Annotated[str | None, typer.Option(help="adb: the program.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]


def measure(
    context: typer.Context,
    device: Name,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NETWORK", help="zoo:NAME, NAME, a file, or RUN#TRIAL."),
    ] = None,
    network: Annotated[list[str] | None, typer.Option(help="The same as an option.")] = None,
    backend: BackendName = "",
    threads: Threads = None,
    force: Force = False,
    accelerator: Accelerator = None,
    serial: Serial = None,
    delegate: Delegate = None,
    remote: Remote = None,
    adb: Adb = None,
    save: Annotated[bool, typer.Option("--save", help="Add rows to measurements.csv.")] = False,
    as_json: Json = False,
) -> None:
    """Measure networks, and say what the model expects of them."""
    from nas.latency import calibrate as calibration
    from nas.latency.devices import load_device
    from nas.latency.target import find_backend, is_known

    networks = named_networks([*(names or ()), *(network or ())])
    way = find_backend(device, backend) if is_known(device) else ""
    target = load_device(device)
    records = calibration.known_records(target, published)
    program = _open(way, target.name, records, context)
    if save:
        calibration.check_hardware(target, records, program.describe())
    program.check()
    found = []
    for name, graph in networks:
        typer.echo(f"measuring {name}", err=True)
        measured = calibration.measure(program, graph, height=target.height, width=target.width)
        facts = _facts(name, measured, _expected(target, graph))
        if save:
            facts["not_fitted"] = _save(device, program, graph, measured)
        found.append(facts)
        if not as_json:
            _show(facts)
    if as_json:
        print_json(found)


def calibrate(
    context: typer.Context,
    device: NewName,
    backend: BackendName = "",
    samples: Annotated[
        int | None, typer.Option(min=1, help="Networks to fit; default 30, with --from 8.")
    ] = None,
    fresh: Annotated[int, typer.Option(min=0, help="Networks kept back as a test.")] = 10,
    space: Annotated[
        list[str] | None, typer.Option(help="Draw from it; default hxnet and mobile.")
    ] = None,
    parent: Annotated[
        str, typer.Option("--from", help="A device whose model this one leans on.")
    ] = "",
    threads: Threads = None,
    force: Force = False,
    accelerator: Accelerator = None,
    serial: Serial = None,
    delegate: Delegate = None,
    remote: Remote = None,
    adb: Adb = None,
    table: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="csv: the table, filled in.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure a sample of networks, fit a model to it, and test it on others.

    What is measured is kept at once: the same command goes on where it was stopped.
    """
    from nas.latency.target import TYPED, find_backend, make_target

    way = find_backend(device, backend)
    plan = _planner(space, samples, fresh)
    if way == TYPED:
        _check_no_options(context)
        target = make_target(device, backend=way, parent=parent)
        is_done = _read_times(target, plan, table)
    else:
        if table:
            raise _usage(f"--table is for --backend csv, and {device} is measured by {way}")
        program = _ready(device, way, context)
        target = make_target(device, backend=way, what=program.describe(), parent=parent)
        _measure_all(target, program, plan)
        is_done = True
    if is_done:
        typer.echo("fitting, and again without each network: a minute at most", err=True)
        make_and_show(str(target.folder), as_json=as_json)


def _planner(
    space: list[str] | None, samples: int | None, fresh: int
) -> "Callable[[Device], Plan]":
    """What makes the plan for a device; spaces are loaded at once, so that errors come early."""
    from nas.latency.backends import TELL_OPS
    from nas.latency.sample import SPACES, plan_networks
    from nas.space import load_space

    spaces = [load_space(name) for name in space or SPACES]

    def plan(target: "Device") -> "Plan":
        count = samples or (_FEW_SAMPLES if target.parent else _SAMPLES)
        return plan_networks(
            spaces,
            samples=count,
            fresh=fresh,
            height=target.height,
            width=target.width,
            by_op=target.backend in TELL_OPS,
        )

    return plan


def _ready(device: str, way: str, context: typer.Context) -> "Backend":
    from nas.latency.calibrate import check_hardware, known_records
    from nas.latency.devices import load_device
    from nas.latency.target import is_known

    known = load_device(device) if is_known(device) else None
    records = known_records(known, published) if known else ()
    program = _open(way, known.name if known else device, records, context)
    if known:
        check_hardware(known, records, program.describe())
    program.check()
    return program


def _measure_all(target: "Device", program: "Backend", plan: "Callable[[Device], Plan]") -> None:
    from nas.latency.calibrate import calibrate, jobs_left, known_records, source_of

    records = known_records(target, published)
    planned = plan(target)
    jobs = jobs_left(planned, records)
    total = len(planned.sample) + len(planned.fresh)
    typer.echo(
        f"{target.name}: {len(planned.sample)} networks to fit and {len(planned.fresh)} to keep "
        f"back; {total - len(jobs)} are measured already",
        err=True,
    )
    steps = calibrate(target, program, jobs, records, source=source_of(program.describe()))
    skipped = []
    try:
        for step in counted(steps, len(jobs), _step_in_words):
            if step.record is None:
                skipped.append(f"skipped {step.job.graph.digest}: {step.problem}")
    except KeyboardInterrupt:
        typer.echo("stopped: what was measured is kept, the same command goes on", err=True)
        raise typer.Exit(130) from None
    for line in skipped:
        typer.echo(line, err=True)


def _step_in_words(step: "Step") -> str:
    if step.record is None:
        return f"{step.job.graph.digest}: failed, {step.problem}"
    purpose = "kept back, " if step.job.fresh else ""
    noise = f", noise {100 * step.record.noise:.1f} %" if step.record.noise else ""
    return f"{step.job.graph.digest}: {purpose}{step.record.latency_ms:.2f} ms{noise}"


def _read_times(target: "Device", plan: "Callable[[Device], Plan]", table: Path | None) -> bool:
    """Reads the table, or writes it where there is none; whether times were read."""
    from nas.latency.calibrate import known_records
    from nas.latency.records import append_records
    from nas.latency.table import new_rows, read_table, table_of

    path = table or table_of(target)
    if not table and not path.is_file():
        _write_table(target, plan)
        return False
    records = known_records(target, published)
    rows = read_table(path, target, records)
    new = new_rows(rows, records)
    if new:
        append_records(target.measurements, new)
    typer.echo(f"{len(rows)} times stand in {path}, {len(new)} of them are new", err=True)
    return True


def _write_table(target: "Device", plan: "Callable[[Device], Plan]") -> None:
    from nas.latency.calibrate import jobs_left
    from nas.latency.table import convert_jobs, write_table

    jobs = jobs_left(plan(target), ())
    for _ in counted(convert_jobs(target, jobs), len(jobs), lambda file: file.name):
        pass
    path = write_table(target, jobs)
    typer.echo(f"Wrote {path}: {len(jobs)} networks, whose files lie in {path.parent / 'files'}.")
    typer.echo(_BY_HAND.format(table=path, device=target.name))


def _open(way: str, device: str, records: "Sequence[Record]", context: typer.Context) -> "Backend":
    """The back-end, set as it was for the rows that are there."""
    from nas.errors import UsageError
    from nas.latency.backends import open_backend
    from nas.latency.calibrate import usual_conditions
    from nas.latency.target import TYPED

    if way == TYPED:
        raise UsageError(
            f"no program measures {device} here",
            f"time a file of the network there; `nas latency calibrate --device {device} "
            "--backend csv` makes files and reads times",
        )
    options = _options(context)
    usual = usual_conditions(records)
    if usual and usual.threads:
        threads = options.setdefault("threads", usual.threads)
        if threads != usual.threads:
            raise UsageError(
                f"{device} was measured on {usual.threads} threads, not on {threads}",
                "give --device a new name for another number",
            )
    return open_backend(way, device, **options)


def _options(context: typer.Context) -> dict[str, Any]:
    """Options of back-ends that were given."""
    found = {name: context.params[name] for name in _OPTIONS}
    return {name: value for name, value in found.items() if value not in (None, False)}


def _check_no_options(context: typer.Context) -> None:
    if given := _options(context):
        raise _usage(f"the back-end csv has no option {', '.join(given)}")


def _usage(message: str) -> Exception:
    from nas.errors import UsageError

    return UsageError(message, "leave it out")


def _expected(device: "Device", graph: "Graph") -> "Prediction | None":
    from nas.latency.coverage import UncoveredOpError

    if not device.has_model:
        return None
    try:
        return device.model.predict(graph)
    except UncoveredOpError:
        return None


def _facts(name: str, measured: "Measurement", expected: "Prediction | None") -> dict[str, Any]:
    from dataclasses import asdict

    return {"network": name, **asdict(measured), "predicted": expected and asdict(expected)}


def _show(facts: dict[str, Any]) -> None:
    noise = f", noise {100 * facts['noise']:.1f} %" if facts["noise"] else ""
    expected = "no model covers it"
    if found := facts["predicted"]:
        expected = (
            f"the model expects {found['latency_ms']:.2f} ms "
            f"({found['low_ms']:.2f} to {found['high_ms']:.2f})"
        )
    typer.echo(f"{facts['network']}: {facts['latency_ms']:.2f} ms{noise}; {expected}")
    conditions = facts["conditions"]
    threads = f", threads: {conditions['threads']}" if conditions["threads"] else ""
    typer.echo(
        f"  {conditions['runtime']}; {conditions['precision']}, input {conditions['width']}x"
        f"{conditions['height']}{threads}; {conditions['statistic']}"
    )
    if facts["note"]:
        typer.echo(f"  {facts['note']}")
    if facts.get("not_fitted"):
        typer.echo(f"  the row is saved, but not fitted: {facts['not_fitted']}")


def _save(device: str, program: "Backend", graph: "Graph", measured: "Measurement") -> str:
    """Adds the row; says why it will not be fitted, if so."""
    from nas.latency.calibrate import filed, known_records, source_of
    from nas.latency.devices import load_device, own_folder, read_device
    from nas.latency.records import append_records, row_of
    from nas.zoo import zoo_names_by_digest

    own = read_device(own_folder(load_device(device)))
    name = zoo_names_by_digest().get(graph.deployed.digest, "")
    source = source_of(program.describe())
    row = row_of(own, graph.deployed, measured, source=source, name=name)
    row = filed(row, known_records(own, published))
    append_records(own.measurements, [row])
    return row.why_not
