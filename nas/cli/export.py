"""`nas export`: the package of a network out of its run, and whether a package is still whole."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.tables import print_json

if TYPE_CHECKING:
    from nas.export.record import Record
    from nas.export.wishes import Wishes

__all__ = ["export"]


def export(
    run: Annotated[str | None, typer.Argument(help="Run folder, or its name under runs/.")] = None,
    out: Annotated[Path | None, typer.Option(help="New folder for the package.")] = None,
    trial: Annotated[
        str,
        typer.Option(
            help="best, the number of a trial, or zoo:NAME; others than finalists train first."
        ),
    ] = "best",
    size: Annotated[
        str | None, typer.Option(help="Input of the files, height x width; default: 360x640.")
    ] = None,
    free_size: Annotated[
        bool, typer.Option("--free-size", help="Leave the size of the input open instead.")
    ] = False,
    onnx: Annotated[
        str | None, typer.Option(help="Add an INT8 ONNX file, of layout nchw or nhwc.")
    ] = None,
    vela: Annotated[
        str | None,
        typer.Option(help="Compile for ethos-u55, ethos-u65 or ethos-u85 with Arm's Vela, too."),
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option(help="Check this package instead; exit code 1 where something is wrong."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Write a network of a run in every form, with proof that all are the same, or check that."""
    from nas.errors import UsageError

    if check is not None:
        if run is not None or out is not None:
            raise UsageError("--check takes a package alone", "leave out RUN and --out")
        _check(check, as_json=as_json)
        return
    if run is None or out is None:
        missing = "--out" if run is not None else "RUN"
        raise UsageError(f"{missing} is missing", "nas export RUN --out FOLDER")
    wishes = _wishes(size, free_size=free_size, onnx=onnx, vela=vela)
    _export(run, trial, out, wishes, as_json=as_json)


def _export(run: str, trial: str, out: Path, wishes: "Wishes", *, as_json: bool) -> None:
    from nas.cli.runs import find_run
    from nas.search.takeout import export_trial

    record = export_trial(
        find_run(run), trial, out, wishes=wishes, note=lambda line: typer.echo(line, err=True)
    )
    if as_json:
        print_json(_as_json(out, record))
    else:
        typer.echo(out)


def _as_json(out: Path, record: "Record") -> dict[str, Any]:
    from dataclasses import asdict

    return {"package": str(out), **asdict(record)}


def _check(folder: Path, *, as_json: bool) -> None:
    """Prints each finding on a line of its own."""
    from dataclasses import asdict

    from nas.export.verify import check_package

    findings = check_package(folder)
    if as_json:
        print_json({"package": str(folder), "findings": [asdict(each) for each in findings]})
    elif findings:
        for finding in findings:
            typer.echo(str(finding))
    else:
        typer.echo(f"{folder} is as it was exported")
    if findings:
        raise typer.Exit(1)


def _wishes(size: str | None, *, free_size: bool, onnx: str | None, vela: str | None) -> "Wishes":
    from typing import cast

    from nas.errors import UsageError
    from nas.export.wishes import LAYOUTS, Wishes
    from nas.latency.backends.vela import ACCELERATORS

    if size is not None and free_size:
        raise UsageError("--size and --free-size contradict each other", "give one of them")
    if free_size and vela is not None:
        raise UsageError("Vela compiles for one size", "leave out --free-size, or --vela")
    if onnx is not None and onnx not in LAYOUTS:
        raise UsageError(f"there is no layout {onnx!r}", f"--onnx is one of {', '.join(LAYOUTS)}")
    if vela is not None and vela not in ACCELERATORS:
        raise UsageError(
            f"Vela knows no accelerator {vela!r}", f"--vela is one of {', '.join(ACCELERATORS)}"
        )
    found = None if free_size else _size(size or "360x640")
    return Wishes(size=found, onnx=cast(Any, onnx), vela=vela)


def _size(text: str) -> tuple[int, int]:
    from nas.errors import UsageError
    from nas.export.wishes import LARGEST_EDGE, SMALLEST_EDGE

    found = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", text)
    sides = (int(found[1]), int(found[2])) if found else (0, 0)
    if not all(SMALLEST_EDGE <= side <= LARGEST_EDGE for side in sides):
        raise UsageError(
            f"{text!r} is no size",
            f"--size is height x width, such as 360x640, of {SMALLEST_EDGE} to {LARGEST_EDGE}",
        )
    return sides
