"""`nas runs`: what was searched, how much room it takes, and whether it is whole."""

from typing import Annotated, Any

import typer

from nas.cli.tables import number, print_json, print_table, printable
from nas.errors import UsageError

__all__ = ["app"]

app = typer.Typer(help="Lists, shows, checks and prunes runs.", no_args_is_help=True)
Run = Annotated[str, typer.Argument(help="Folder of a run, or its name under runs/.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]


@app.command("list")
def list_runs(as_json: AsJson = False) -> None:
    """Every run under runs/, the last one first."""
    from nas.search.evaluation_cache import EvaluationCache
    from nas.search.history import read_runs

    runs = read_runs()
    if as_json:
        print_json(runs)
        return
    rows = [
        (
            run["name"],
            run["state"],
            f"{run['num_finished']} of {run['budget']}"
            + (f", {run['num_reused']} reused" if run["num_reused"] else ""),
            run["space"],
            run["device"],
            "-" if run["best_score"] is None else f"{run['best_score']:.4g}",
            _size(run["size_bytes"]),
        )
        for run in runs
    ]
    print_table(("run", "state", "networks", "space", "device", "best score", "size"), rows)
    if cached_bytes := EvaluationCache().size_bytes():
        typer.echo(f"cache of what they trained: {_size(cached_bytes)}", err=True)


@app.command()
def show(run: Run, as_json: AsJson = False) -> None:
    """What a run was asked, how its trials ended, the best under each time, where its room goes."""
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
    if details["best_under"]:
        print_table(
            ("ms", "interval", "trial", "network", "INT8 dB", "KiB", "MB", "score", "by score"),
            [_under(row) for row in details["best_under"]],
            title="Best under so many predicted ms: by PSNR of the search, and by score; KiB: of "
            "the TFLite file at most; MB: of INT8 activations at once",
        )
    print_table(("part", "size"), [(k, _size(v)) for k, v in details["sizes_bytes"].items()])


def _under(row: dict[str, Any]) -> list[str]:
    return [
        f"{row['latency_ms']:.1f}",
        f"{row['latency_low_ms']:.1f}-{row['latency_high_ms']:.1f}",
        str(row["trial"]),
        row["zoo"] or row["digest"],
        f"{row['psnr_int8_db']:.3f}",
        number(row["size_kib"], ".1f"),
        number(row["memory_mb"], ".1f"),
        f"{row['score']:.4g}",
        "itself" if row["trial_by_score"] == row["trial"] else f"trial {row['trial_by_score']}",
    ]


@app.command()
def check(
    run: Run,
    storage: Annotated[
        str | None, typer.Option(help="URL of the study, where it is not in the run folder.")
    ] = None,
) -> None:
    """Prove that study, table and files of a run agree; exit code 1 where they do not."""
    from nas.cli.runs import find_run
    from nas.search.audit import check_run

    findings = check_run(find_run(run), storage=storage)
    for finding in findings:
        typer.echo(printable(finding))
    if findings:
        raise typer.Exit(1)
    typer.echo("whole")


@app.command()
def prune(
    runs: Annotated[
        list[str] | None, typer.Argument(help="Folders of runs, or names under runs/.")
    ] = None,
    cache: Annotated[
        bool, typer.Option("--cache", help="Also forget what any search trained so far.")
    ] = False,
) -> None:
    """Delete the networks of trials that are no finalists; figures, finalists and study stay."""
    from nas.cli.runs import find_run
    from nas.search.history import prune_cache, prune_run

    if not runs and not cache:
        raise UsageError("there is nothing to prune", "name runs, or give --cache")
    for run in [find_run(name) for name in runs or ()]:
        typer.echo(f"{run}: {_size(prune_run(run))} freed")
    if cache:
        folder, freed_bytes = prune_cache()
        typer.echo(f"{folder}: {_size(freed_bytes)} freed")


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:.1f} MB"
