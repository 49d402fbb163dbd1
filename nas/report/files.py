"""What a run folder holds, read once and checked."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from nas.errors import RunError
from nas.search.facts import read_facts
from nas.search.trials_file import read_trials

__all__ = ["RunFiles", "read_config", "read_run"]

_READ = "give a run that you may read"


@dataclass(frozen=True)
class RunFiles:
    """A run as it lies on disk.

    Args:
        folder: The run.
        config: `config.json`.
        env: `env.json`.
        trials: `trials.csv`, one row a trial, numbers as numbers.
        finalists: `finalists.json`; empty while the search runs.
        best: `best/result.json`; None while there is none.
    """

    folder: Path
    config: dict[str, Any]
    env: dict[str, Any]
    trials: pd.DataFrame
    finalists: list[dict[str, Any]]
    best: dict[str, Any] | None

    @property
    def finished(self) -> pd.DataFrame:
        """Trials with a measurement, those that were stopped early among them."""
        done = self.trials[self.trials["state"] == "COMPLETE"]
        return done.dropna(subset=["psnr_int8_db", "latency_ms", "score"])

    @property
    def trained(self) -> pd.DataFrame:
        """Those of `finished` that no earlier run had measured."""
        finished = self.finished
        return finished[finished["reused"] == ""]


def read_run(run: Path) -> RunFiles:
    """The files of a run.

    Raises:
        RunError: No such folder, no configuration, no finished trial yet, or a file that is not
            what `nas search` writes.
    """
    best = _json(run / "best" / "result.json", dict)
    files = RunFiles(
        folder=run,
        config=read_config(run),
        env=_json(run / "env.json", dict) or {},
        trials=read_trials(run),
        finalists=[_numbered(row) for row in _json(run / "finalists.json", list) or []],
        best=None if best is None else _numbered(best),
    )
    if files.finished.empty:
        raise RunError(f"{run} has no finished trial yet", "wait for the first, or --resume it")
    return files


def read_config(run: Path) -> dict[str, Any]:
    """What the search was asked to do.

    Raises:
        RunError: No such folder, or no configuration in it.
    """
    if not run.is_dir():
        raise RunError(f"there is no run folder {run}", "`nas search` makes one")
    file = run / "config.json"
    try:
        return read_facts(file)
    except FileNotFoundError:
        raise RunError(
            f"{run} has no config.json", "give a folder that `nas search` wrote"
        ) from None
    except OSError as error:
        raise RunError(f"{file} cannot be read: {error.strerror}", _READ) from None
    except ValueError as error:
        raise RunError(
            f"{file} is no configuration of a run: {error}", "start another --run"
        ) from None


def _numbered(result: dict[str, Any]) -> dict[str, Any]:
    """A `result.json`, whose `trial` is the `number` of `trials.csv`."""
    return {"number": result.get("trial"), **result}


def _json(path: Path, kind: type) -> Any:
    """The content of `path`, None where there is no such file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}", _READ) from None
    except ValueError as error:
        raise RunError(f"{path} is not JSON: {error}", "resume the search to write it") from None
    if not isinstance(content, kind):
        raise RunError(f"{path} holds no {kind.__name__}", "resume the search to write it")
    return content
