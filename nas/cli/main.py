"""The command `nas`. No file of this folder imports a heavy library at its top.

`nas --help` must answer in half a second, so numpy, networkx, optuna, torch and the like are
imported inside the functions that need them.
"""

import sys
from typing import Annotated

import typer

from nas.cli import (
    dashboard,
    data,
    doctor,
    evaluate,
    export,
    history,
    latency,
    quantize,
    recipes,
    report,
    retarget,
    search,
    space,
    train,
    upscale,
    zoo,
)
from nas.cli.tables import printable
from nas.errors import NasError, UserError

__all__ = ["app", "main"]

app = typer.Typer(
    name="nas",
    help="Hardware-aware search for fully quantised, real-time super-resolution networks.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(search.search)
app.command()(train.train)
app.command()(quantize.quantize)
app.command()(evaluate.evaluate)
app.command()(upscale.upscale)
app.command()(export.export)
app.command()(report.report)
app.command()(retarget.retarget)
app.command()(dashboard.dashboard)
app.add_typer(history.app, name="runs")
app.add_typer(space.app, name="space")
app.add_typer(zoo.app, name="zoo")
app.add_typer(recipes.app, name="recipes")
app.add_typer(latency.app, name="latency")
app.add_typer(data.app, name="data")
app.command()(doctor.doctor)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"nas {version('nas')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and end."
        ),
    ] = False,
) -> None:
    """Hardware-aware search for fully quantised, real-time super-resolution networks."""


def main() -> None:
    """Runs a command; what a person can mend is one line and exit code 2."""
    try:
        code = app(prog_name="nas", standalone_mode=False)
    except typer.Abort:
        sys.exit(130)
    except KeyboardInterrupt:
        sys.exit(130)
    except UserError as error:
        _complain(error.message, error.hint)
        sys.exit(2)
    except NasError as error:
        _complain(str(error), "")
        sys.exit(2)
    except Exception as error:
        # Wrong usage; typer vendors click from 0.16 on, so its classes have no one home.
        if not hasattr(error, "exit_code") or not hasattr(error, "format_message"):
            raise
        if message := error.format_message():  # none where no subcommand was given: help was shown
            _complain(message, f"see `{_command_of(error)} --help`")
        sys.exit(2)
    sys.exit(code if isinstance(code, int) else 0)


def _command_of(error: Exception) -> str:
    return getattr(getattr(error, "ctx", None), "command_path", "nas")


def _complain(message: str, hint: str) -> None:
    line = f"error: {message} ({hint})" if hint else f"error: {message}"
    typer.echo(printable(" ".join(line.split())), err=True)
