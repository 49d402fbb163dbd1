"""`nas search`: from a budget to a front, and the best of it as files."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from nas.cli.progress import Shown, watcher
from nas.cli.tables import number, print_json, print_table

if TYPE_CHECKING:  # importing it takes a second
    from nas.search.run import RunResult

__all__ = ["search"]

_WORTH = 5  # networks worth measuring that are named


def search(
    context: typer.Context,
    budget: Annotated[int, Option(help="Distinct networks to evaluate.")] = 200,
    space: Annotated[str, Option(help="Name or file of a search space.")] = "hxnet",
    device: Annotated[str, Option(help="See `nas latency devices`.")] = "synaptics-vs680",
    data: Annotated[str, Option(help="Folder(s) of images, or bundled.")] = "bundled",
    valid: Annotated[str | None, Option(help="Folder(s) to validate on.")] = None,
    scale: Annotated[int, Option(help="Upscaling factor.")] = 3,
    max_latency_ms: Annotated[float | None, Option(help="Refuse slower networks.")] = None,
    max_size_kib: Annotated[
        float | None, Option(help="Refuse networks whose TFLite file may be larger.")
    ] = None,
    max_memory_mb: Annotated[
        float | None, Option(help="Refuse networks whose INT8 activations take more at once.")
    ] = None,
    min_psnr_db: Annotated[
        float | None,
        Option("--min-psnr", help="Of the INT8 network, in dB; worse ones do not win."),
    ] = None,
    sampler: Annotated[str, Option(help="auto, tpe, nsga2, gp or random.")] = "auto",
    hardware: Annotated[str, Option(help="What candidates train on: cpu or cuda.")] = "cpu",
    workers: Annotated[int | None, Option(help="Processes; default: cores.")] = None,
    cluster: Annotated[
        str | None,
        Option(help="Instead of processes: local:N, tcp://HOST:PORT, slurm:FILE or inline."),
    ] = None,
    max_hours: Annotated[
        float | None, Option(help="After which no network is begun; --resume goes on.")
    ] = None,
    max_memory_gb: Annotated[float | None, Option(help="That each worker may take.")] = None,
    candidate_timeout_s: Annotated[
        float | None, Option(help="That a network may train for between two readings.")
    ] = None,
    reuse: Annotated[
        str | None, Option(help="Rank the networks of this run, too; they cost no budget.")
    ] = None,
    storage: Annotated[str | None, Option(help="URL of the study; default: SQLite.")] = None,
    seed: Annotated[int, Option(help="Of everything random.")] = 0,
    score: Annotated[str, Option(help="mai2022, mai2021 or xcat.")] = "mai2022",
    measure: Annotated[
        str | None, Option(help="Time the finalists: host-cpu, vela or adb, as fits the device.")
    ] = None,
    run: Annotated[str | None, Option(help="Name below runs/, or path.")] = None,
    resume: Annotated[bool, Option("--resume", help="Continue a run to its budget.")] = False,
    join: Annotated[
        str | None, Option(help="Help the search of this name, in --storage, to its budget.")
    ] = None,
    tensorboard: Annotated[
        Path | None, Option(help="Folder for curves of the trials, as TensorBoard shows them.")
    ] = None,
    quiet: Annotated[bool, Option("--quiet", help="No progress, only the result.")] = False,
    as_json: Annotated[bool, Option("--json", help="Result as JSON on stdout.")] = False,
) -> None:
    """Search for networks; trains, quantises and ranks them, and converts the best.

    With --resume all options but --run may be left out: they are those of the run's start. Only a
    space that is a file, and a cluster or storage elsewhere, must be named again.
    """
    given = _given(context)
    from nas.cli.runs import find_run
    from nas.search import run as runs
    from nas.search.config import SearchConfig, count_cores

    given = {"workers": count_cores(), **given}
    if reuse:
        given["reuse"] = str(find_run(reuse))
    with _sigterm_like_ctrl_c(), _watcher(tensorboard, quiet=quiet) as watch:
        if join:
            trained = runs.join(join, given, name=run, watch=watch)
            typer.echo(f"the budget is met; {trained} networks were trained here")
            return
        if resume:
            result = runs.resume(run, given, watch=watch)
        else:
            result = runs.start(SearchConfig(**given), name=run, watch=watch)
    if as_json:
        print_json(_as_json(result))
    else:
        _show(result)


def _watcher(tensorboard: Path | None, *, quiet: bool) -> Shown:
    shown = watcher(quiet=quiet)
    if tensorboard is None:
        return shown
    from nas.cli.board import Board
    from nas.train.scalars import check_tensorboard

    check_tensorboard()
    return Board(shown, tensorboard)


class _Terminated(KeyboardInterrupt):
    """SIGTERM came, as a batch system sends it."""


@contextmanager
def _sigterm_like_ctrl_c() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise _Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except _Terminated:
        raise typer.Exit(128 + signal.SIGTERM) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _given(context: typer.Context) -> dict[str, Any]:
    """The configuration that was typed, without what is only a default."""
    others = ("run", "resume", "join", "tensorboard", "quiet", "as_json")
    return {
        name: value
        for name, value in context.params.items()
        if name not in others
        and value is not None
        and getattr(context.get_parameter_source(name), "name", "") != "DEFAULT"
    }


def _as_json(result: "RunResult") -> dict[str, Any]:
    from dataclasses import asdict

    complete = result.table[result.table["state"] == "COMPLETE"]
    num_reused = int((complete["reused"] != "").sum())
    return {
        "run": str(result.folder),
        "num_finished": len(complete) - num_reused,
        "num_reused": num_reused,
        "best": result.best,
        "finalists": result.finalists,
        "front": result.front.to_dict("records"),
        "worth_measuring": [asdict(worth) for worth in result.worth_measuring],
    }


def _show(result: "RunResult") -> None:
    from nas.search.worth import PER_CENT

    converted = {finalist["trial"]: finalist for finalist in result.finalists}
    is_shown = result.table["number"].isin([*result.front["number"], *converted])
    shown = result.table[is_shown].sort_values("latency_ms")
    rows = [_row(row, converted.get(row["number"])) for row in shown.to_dict("records")]
    print_table(
        ("trial", "network", "INT8 dB", "ms", "interval", "novelty", "score", "search/zoo",
         "LiteRT dB", "LiteRT/zoo"),
        rows,
        title=f"Front of {result.folder} and the best zoo network after "
        f"{shown['steps'].max():.0f} steps; LiteRT: the finalists, converted.\n"
        f"ms is predicted, with its {PER_CENT} interval; novelty: how many times wider that is "
        "than amid measured networks.",
    )  # fmt: skip
    if timed := [finalist for finalist in result.finalists if "measured_ms" in finalist]:
        print_table(
            ("trial", "network", "ms", "noise", "predicted ms", "interval", "now", "score",
             "to zoo"),
            [_timed_row(finalist) for finalist in timed],
            title=f"Finalists, {timed[0]['measured_how']}; now: predicted by the model that has "
            "learnt of them",
        )  # fmt: skip
    _show_best(result)
    _show_worth(result)


def _show_best(result: "RunResult") -> None:
    best = result.best
    measured = "score_measured_ratio" in best  # then it is the best by measured times
    name = "score_measured" if measured else "score"
    score, ratio = best[name], best[f"{name}_ratio"]
    against = f", {ratio:.3f}x the best zoo network of this run" if ratio else ""
    timed = ""
    if "measured_ms" in best:
        timed = f", {best['measured_ms']:.2f} ms {best['measured_how']}"
    typer.echo(
        f"Best: trial {best['trial']} ({best['zoo'] or best['digest']}), "
        f"{best['psnr_litert_int8_db']:.3f} dB INT8 by LiteRT, {best['latency_ms']:.2f} ms "
        f"predicted ({best['latency_low_ms']:.2f} to {best['latency_high_ms']:.2f}){timed}, "
        f"score {score:.4g}{' at that time' if measured else ''}{against}. "
        f"Files: {Path(result.folder) / 'best'}"
    )
    if over := best.get("over_limits"):
        typer.echo(
            f"No finalist keeps all limits; this one is the closest: {'; '.join(over)}.\n"
            "Raise --budget, or relax the limit."
        )
    model = result.device.model
    fastest_ms, slowest_ms = model.smallest_ms, model.largest_ms
    if not measured and not fastest_ms <= best["latency_ms"] <= slowest_ms:
        typer.echo(
            f"No measured network takes {best['latency_ms']:.2f} ms (they take {fastest_ms:.1f} to "
            f"{slowest_ms:.1f} ms): measure this one on the device before you rely on its time."
        )


def _show_worth(result: "RunResult") -> None:
    from nas.search.worth import way_to_measure

    if not (found := result.worth_measuring):
        return
    typer.echo("Worth measuring before you trust the order:")
    for worth in found[:_WORTH]:
        typer.echo(
            f"  trial {worth.trial} ({worth.latency_low_ms:.1f} to {worth.latency_high_ms:.1f} ms)"
            f": {worth.why}"
        )
    if len(found) > _WORTH:
        typer.echo(f"  and {len(found) - _WORTH} more, see `nas report {result.folder}`")
    typer.echo(f"  with: {way_to_measure(result.device, result.folder, found[0].trial)}")


def _row(row: dict[Any, Any], final: dict[str, Any] | None) -> list[str]:
    final = final or {}
    return [
        str(row["number"]),
        row["zoo"] or row["digest"],
        number(row["psnr_int8_db"], ".3f"),
        number(row["latency_ms"], ".1f"),
        _interval(row),
        number(row["latency_novelty"], ".1f"),
        number(row["score"], ".4g"),
        number(row["score_ratio"], ".3f"),
        number(final.get("psnr_litert_int8_db"), ".3f"),
        number(final.get("score_ratio"), ".3f"),
    ]


def _timed_row(finalist: dict[str, Any]) -> list[str]:
    return [
        str(finalist["trial"]),
        finalist["zoo"] or finalist["digest"],
        number(finalist["measured_ms"], ".2f"),
        f"{100 * noise:.1f}%" if (noise := finalist["measured_noise"]) else "-",
        number(finalist["latency_ms"], ".2f"),
        _interval(finalist),
        number(finalist.get("latency_refitted_ms"), ".2f"),
        number(finalist["score_measured"], ".4g"),
        number(finalist.get("score_measured_ratio"), ".3f"),
    ]


def _interval(row: dict[Any, Any]) -> str:
    return f"{row['latency_low_ms']:.1f}-{row['latency_high_ms']:.1f}"
