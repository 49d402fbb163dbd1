"""`nas retarget`: a run as another device would rank it."""

from typing import Annotated, Any

import typer

from nas.cli.tables import print_json, print_table

__all__ = ["retarget"]

_COLUMNS = (
    "number", "digest", "zoo", "psnr_int8_db", "latency_ms", "latency_low_ms", "latency_high_ms",
    "was_ms", "score", "was_score", "score_ratio", "steps", "network",
)  # fmt: skip


def retarget(
    run: Annotated[str, typer.Argument(help="Folder of a run, or its name under runs/.")],
    device: Annotated[str, typer.Option(help="See `nas latency devices`.")],
    as_json: Annotated[bool, typer.Option("--json", help="All networks, as JSON.")] = False,
) -> None:
    """Rank the networks of a finished run for another device, without any training."""
    from nas.cli.runs import find_run
    from nas.latency.devices import load_device
    from nas.search.damage import readable
    from nas.search.retarget import retarget as rank_anew

    folder = find_run(run)
    with readable(folder):
        found = rank_anew(folder, load_device(device))
    best = found.front.sort_values("score").iloc[-1]
    if as_json:
        print_json(
            {
                "run": str(folder),
                "device": device,
                "best": int(best["number"]),
                "front": [int(number) for number in found.front["number"]],
                "num_refused": found.num_refused,
                "worth_training": list(found.worth_training),
                "networks": found.table[list(_COLUMNS)].to_dict("records"),
            }
        )
        return
    print_table(
        ("trial", "network", "INT8 dB", "ms", "interval", "was ms", "score", "was", "to zoo"),
        [_row(row) for row in found.front.to_dict("records")],
        title=f"Front of {folder} on {device}: PSNR of the search, predicted times",
    )
    typer.echo(
        f"Best: trial {best['number']} ({best['zoo'] or best['digest']}), score "
        f"{best['score']:.4g} on {device}."
    )
    if found.num_refused:
        typer.echo(f"{found.num_refused} measured networks have no time on {device}.")
    if found.worth_training:
        named = ", ".join(map(str, found.worth_training[:5]))
        many = f" and {len(found.worth_training) - 5} more" if len(found.worth_training) > 5 else ""
        typer.echo(f"Stopped early, and worth training for this device: trials {named}{many}.")


def _row(row: dict[Any, Any]) -> list[str]:
    ratio = row["score_ratio"]
    return [
        str(row["number"]),
        row["zoo"] or row["digest"],
        f"{row['psnr_int8_db']:.3f}",
        f"{row['latency_ms']:.1f}",
        f"{row['latency_low_ms']:.1f}-{row['latency_high_ms']:.1f}",
        f"{row['was_ms']:.1f}",
        f"{row['score']:.4g}",
        f"{row['was_score']:.4g}",
        "-" if ratio != ratio else f"{ratio:.3f}",
    ]
