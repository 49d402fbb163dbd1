"""Takes a network of a run out of it, as the package a user ships."""

import csv
import json
import re
import shutil
from pathlib import Path

from nas.errors import RunError, UsageError
from nas.search.config import read_config
from nas.search.folder import whole_folder, why

__all__ = ["export_trial"]


def export_trial(run: Path, trial: str, out: Path) -> Path:
    """Copies the package of a finalist to `out`; trains and converts any other trial first.

    Args:
        run: Run folder.
        trial: "best", or the number of a finished trial.
        out: New folder; it appears when all is in it.

    Returns:
        `out`, with the package and its `result.json`.

    Raises:
        UsageError: `trial` is neither.
        RunError: No such trial, an unfinished run, or `out` exists or cannot be written.
    """
    if trial != "best" and not re.fullmatch("[0-9]+", trial):
        raise UsageError(f"trial {trial!r} is no number", "--trial takes best, or a number")
    try:
        _check_is_free(out)
        source = run / "best" if trial == "best" else run / "finalists" / trial
        if (source / "result.json").is_file():
            with whole_folder(out) as partial:
                shutil.copytree(source, partial, dirs_exist_ok=True)
            return out
        if trial == "best":
            raise RunError(f"run {run} has no best network yet", f"nas search --run {run} --resume")
        network = _network(run, trial)
        with whole_folder(out) as partial:
            _finalise(run, network, partial)
    except OSError as error:
        raise RunError(
            f"{out} cannot be written: {why(error)}", "free the disk, or give another --out"
        ) from error
    return out


def _check_is_free(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise RunError(f"{out} is a file", "give --out a new folder")
    if out.exists() and any(out.iterdir()):
        raise RunError(f"{out} exists and is not empty", "give --out a new folder")


def _network(run: Path, trial: str) -> str:
    table = run / "trials.csv"
    if not table.is_file():
        raise RunError(f"run {run} has no trials.csv", "is it the folder of a search?")
    with table.open(newline="") as lines:
        for row in csv.DictReader(lines):
            if row.get("number") == trial and row.get("state") == "COMPLETE" and row.get("network"):
                return row["network"]
    raise RunError(
        f"run {run} has no finished trial {trial!r}", "give best, or a number out of trials.csv"
    )


def _finalise(run: Path, network: str, folder: Path) -> None:
    """Trains `network` as the finalists of the run were, on the same data."""
    from nas.graph import parse_text
    from nas.search.bench import TrainingBench
    from nas.search.images import load_images

    config, _ = read_config(run)
    dataset = load_images(config, lambda line: None)  # the search named them already
    bench = TrainingBench(dataset, scale=config.scale, seed=config.seed)
    graph = parse_text(network)
    result = {"digest": graph.digest, "network": network, **bench.finalise(graph, folder)}
    (folder / "result.json").write_text(json.dumps(result, indent=2) + "\n")
