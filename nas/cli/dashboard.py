"""`nas dashboard RUN`: Optuna's dashboard on this machine."""

from typing import Annotated

import typer

__all__ = ["dashboard"]


def dashboard(
    run: Annotated[str, typer.Argument(help="Folder of a run, or its name under runs/.")],
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="On 127.0.0.1; 0 takes a free one.")
    ] = 8080,
    storage: Annotated[
        str | None, typer.Option(help="URL of the study, where it needs a password.")
    ] = None,
) -> None:
    """Show the trials and the front of a run in a browser, while it runs or after."""
    from nas.cli.runs import find_run
    from nas.report.dashboard import serve

    serve(find_run(run), port, storage=storage)
