"""`nas export`: the package of a network, out of its run."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["export"]


def export(
    run: Annotated[str, typer.Argument(help="Run folder, or its name under runs/.")],
    out: Annotated[Path, typer.Option(help="New folder for the package.")],
    trial: Annotated[
        str, typer.Option(help="best, or the number of a trial; others than finalists train first.")
    ] = "best",
) -> None:
    """Write a network of a run as Keras model and uint8 TFLite file, with its figures."""
    from nas.cli.runs import find_run
    from nas.search.takeout import export_trial

    typer.echo(export_trial(find_run(run), trial, out))
