"""Runs as they lie on disk: their state, their size, and what can go."""

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from nas.errors import RunError
from nas.search.best_under import Under, best_under
from nas.search.config import SearchConfig, read_config
from nas.search.crops import CROPS
from nas.search.damage import readable
from nas.search.evaluation_cache import EvaluationCache
from nas.search.folder import RUNS, is_locked, locked, why
from nas.search.front import COLUMNS
from nas.search.trial_folder import TRIALS
from nas.search.trials_file import NAME, read_trials

__all__ = ["prune_cache", "prune_run", "read_details", "read_runs"]

_TIMES = ("latency_ms", "latency_low_ms", "latency_high_ms")


def read_runs() -> list[dict[str, Any]]:
    """Name, state, networks, best score and bytes of every run, the last one first."""
    folders = [file.parent for file in RUNS.glob("*/config.json")]
    folders.sort(key=lambda folder: folder.stat().st_mtime, reverse=True)
    found = []
    for folder in folders:
        try:
            with readable(folder):
                found.append(_summary(folder))
        except RunError:  # something else than a run
            continue
    return found


def read_details(run: Path) -> dict[str, Any]:
    """Configuration, how many trials ended how and why, what is best under each time, and bytes.

    Raises:
        RunError: No run there.
    """
    config, facts = read_config(run)
    with readable(run):
        return _details(run, config, facts)


def _details(run: Path, config: SearchConfig, facts: Mapping[str, Any]) -> dict[str, Any]:
    table = _table(run)
    reasons = Counter(map(_kind, table["reason"][table["reason"] != ""]))
    return {
        "run": str(run),
        "config": {**config.to_json(), **facts},
        "states": {str(state): int(n) for state, n in table["state"].value_counts().items()},
        "reasons": dict(reasons.most_common()),
        "best_under": [_told(under) for under in best_under(table)],
        "sizes_bytes": {part.name: _size_bytes([part]) for part in sorted(run.iterdir())},
    }


def prune_run(run: Path) -> int:
    """Deletes networks and crops of trials that are no finalists; returns the bytes.

    Raises:
        RunError: The run is not finished, or a search is at work in it.
    """
    if not (run / "best" / "result.json").is_file():
        raise RunError(f"{run} is not finished", f"nas search --run {run} --resume")
    try:
        with locked(run):
            finalists = {folder.name for folder in (run / "finalists").glob("*")}
            gone = [f for f in (run / TRIALS).glob("*") if f.name not in finalists]
            gone += [f for f in (run / CROPS).glob("[0-9]*.png") if f.stem not in finalists]
            freed = _size_bytes(gone)
            for path in gone:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    except OSError as error:
        raise RunError(
            f"{run} cannot be pruned: {why(error)}", "check its rights, then try again"
        ) from error
    return freed


def prune_cache() -> tuple[Path, int]:
    """Deletes what any search trained; returns where it lay, and the bytes.

    Raises:
        RunError: It cannot be deleted.
    """
    cache = EvaluationCache()
    try:
        return cache.folder, cache.clear()
    except OSError as error:
        raise RunError(
            f"{cache.folder} cannot be emptied: {why(error)}", "check its rights, then try again"
        ) from error


def _summary(folder: Path) -> dict[str, Any]:
    config, _ = read_config(folder)
    table = _table(folder)
    is_complete, is_reused = table["state"] == "COMPLETE", table["reused"] != ""
    best = folder / "best" / "result.json"
    state = "finished" if best.is_file() else "running" if is_locked(folder) else "stopped"
    return {
        "name": folder.name,
        "state": state,
        "num_finished": int((is_complete & ~is_reused).sum()),
        "num_reused": int((is_complete & is_reused).sum()),
        "budget": config.budget,
        "space": config.space,
        "device": config.device,
        "best_score": json.loads(best.read_text())["score"] if best.is_file() else None,
        "size_bytes": _size_bytes([folder]),
    }


def _told(under: Under) -> dict[str, Any]:
    best, by_score = under.best, under.by_score
    names = ("zoo", "digest", *_TIMES, "psnr_int8_db", "size_kib", "memory_mb", "score")
    return {
        "trial": int(best["number"]),
        **{name: None if pd.isna(best[name]) else best[name] for name in names},
        "trial_by_score": int(by_score["number"]),
    }


def _table(run: Path) -> pd.DataFrame:
    return read_trials(run) if (run / NAME).is_file() else pd.DataFrame(columns=list(COLUMNS))


def _kind(reason: str) -> str:
    """Reasons that differ in numbers only are one kind."""
    words = (word for word in reason.split() if not any(sign.isdigit() for sign in word))
    return " ".join(words)[:80]


def _size_bytes(paths: Iterable[Path]) -> int:
    own = [path for path in paths if not path.is_symlink()]
    files = (file for path in own for file in ([path] if path.is_file() else path.rglob("*")))
    return sum(file.stat().st_size for file in files if file.is_file())
