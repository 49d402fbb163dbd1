"""Finds the run that a person means."""

from pathlib import Path

from nas.search.folder import find_run as find_named_run

__all__ = ["find_run"]


def find_run(text: str) -> Path:
    """The folder of a run given by its path, or by its name under `runs/`.

    Raises:
        RunError: Neither exists; names the runs that do.
    """
    path = Path(text).expanduser()
    return path if (path / "config.json").is_file() else find_named_run(text)
