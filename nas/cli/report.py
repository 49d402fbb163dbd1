"""`nas report RUN`: one HTML page."""

from typing import Annotated

import typer

__all__ = ["report"]


def report(
    run: Annotated[str, typer.Argument(help="Folder of a run, or its name under runs/.")],
) -> None:
    """Write one HTML page about a run and print its path."""
    from nas.cli.runs import find_run
    from nas.report.page import write_report

    typer.echo(write_report(find_run(run)))
