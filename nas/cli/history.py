"""`nas runs`: what was searched, how much room it takes, and whether it is whole."""

from typing import Annotated

import typer

from nas.cli.tables import print_json, print_table

__all__ = ["app"]

app = typer.Typer(help="Lists, shows, checks and prunes runs.", no_args_is_help=True)
Run = Annotated[str, typer.Argument(help="Folder of a run, or its name under runs/.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]


@app.command("list")
def list_runs(as_json: AsJson = False) -> None:
    """Every run under runs/, the last one first."""
    from nas.search.history import read_runs

    runs = read_runs()
    if as_json:
        print_json(runs)
        return
    rows = [
        (
            run["name"],
            run["state"],
            f"{run['num_finished']} of {run['budget']}",
            run["space"],
            run["device"],
            "-" if run["best_score"] is None else f"{run['best_score']:.4g}",
            _size(run["size_bytes"]),
        )
        for run in runs
    ]
    print_table(("run", "state", "networks", "space", "device", "best score", "size"), rows)


@app.command()
def show(run: Run, as_json: AsJson = False) -> None:
    """What a run was asked, how its trials ended and why, and where its room goes."""
    from nas.cli.runs import find_run
    from nas.search.history import read_details

    details = read_details(find_run(run))
    if as_json:
        print_json(details)
        return
    print_table(("option", "value"), [(k, str(v)) for k, v in details["config"].items()])
    print_table(("trials", "count"), [(k, str(v)) for k, v in details["states"].items()])
    if details["reasons"]:
        print_table(("reason", "count"), [(k, str(v)) for k, v in details["reasons"].items()])
    print_table(("part", "size"), [(k, _size(v)) for k, v in details["sizes_bytes"].items()])


@app.command()
def check(
    run: Run,
    storage: Annotated[
        str | None, typer.Option(help="URL of the study, where it needs a password.")
    ] = None,
) -> None:
    """Prove that study, table and files of a run agree; exit code 1 where they do not."""
    from nas.cli.runs import find_run
    from nas.search.audit import check_run

    findings = check_run(find_run(run), storage=storage)
    for finding in findings:
        typer.echo(finding)
    if findings:
        raise typer.Exit(1)
    typer.echo("whole")


@app.command()
def prune(
    runs: Annotated[list[str], typer.Argument(help="Folders of runs, or names under runs/.")],
) -> None:
    """Delete the networks of trials that are no finalists; figures, finalists and study stay."""
    from nas.cli.runs import find_run
    from nas.search.history import prune_run

    for run in [find_run(name) for name in runs]:
        typer.echo(f"{run}: {_size(prune_run(run))} freed")


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:.1f} MB"
