"""`nas report RUN...`: one HTML page about a run, or about several side by side."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["report"]


def report(
    run: Annotated[
        list[str], typer.Argument(help="Folder of a run, or its name under runs/; several compare.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="File; default: report.html in the run, or ./report-compare.html."),
    ] = None,
) -> None:
    """Write one HTML page about a run, or one that compares several, and print its path."""
    from nas.cli.runs import find_run

    runs = [find_run(each) for each in run]
    from nas.search.damage import readable

    if len(runs) == 1:
        from nas.report.page import write_report

        with readable(runs[0]):
            written = write_report(runs[0], out)
    else:
        from nas.report.compare import write_comparison

        with readable(Path(", ".join(map(str, runs)))):
            written = write_comparison(runs, out)
    typer.echo(written)
