"""`nas dashboard RUN`: Optuna's dashboard on a run."""

from typing import Annotated

import typer

__all__ = ["dashboard"]


def dashboard(
    run: Annotated[str, typer.Argument(help="Folder of a run, or its name under runs/.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8080,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 lets others in, without a login.")
    ] = "127.0.0.1",
    storage: Annotated[
        str | None, typer.Option(help="URL of the study, where it is not in the run folder.")
    ] = None,
) -> None:
    """Show the front, and each trial with its drawing, while a run goes on or after."""
    from nas.cli.runs import find_run
    from nas.report.dashboard import serve

    serve(find_run(run), port, host=host, storage=storage)
