"""Run folders: where a run writes, and that only one process writes there."""

import fcntl
import importlib.metadata
import json
import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any

from nas.errors import RunError
from nas.search.config import count_cores

__all__ = [
    "RUNS",
    "create_run",
    "find_run",
    "locked",
    "new_run_path",
    "remove_run",
    "write_json",
    "write_text",
]

RUNS = Path("runs")
_PACKAGES = (
    "nas", "torch", "tensorflow-cpu", "tensorflow", "keras", "ai-edge-litert", "optuna",
    "optuna-dashboard", "numpy", "pandas", "scipy", "scikit-image", "networkx", "plotly", "typer",
)  # fmt: skip


def write_text(path: Path, text: str) -> None:
    """Writes the whole file or nothing, whatever happens meanwhile."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, value: object) -> None:
    """Like `write_text`."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def new_run_path(name: str | None, *, space: str, device: str) -> Path:
    """Where a new run goes: `name` below `runs/`, or a path, or a fresh name with the date.

    Raises:
        RunError: The folder exists.
    """
    if name:
        path = _named(name)
        if path.exists():
            raise RunError(f"{path} exists", "add --resume to continue it, or give another --run")
        return path
    base = f"{date.today().isoformat()}-{Path(space).stem}-{device}"
    candidates = (RUNS / (f"{base}-{i}" if i > 1 else base) for i in range(1, 10_000))
    return next(path for path in candidates if not path.exists())


def find_run(name: str | None = None) -> Path:
    """The folder of a run by name or path; without a name the one touched last.

    Raises:
        RunError: There is none.
    """
    if name:
        path = _named(name)
        if not (path / "config.json").is_file():
            raise RunError(f"there is no run in {path}", f"known: {', '.join(_known()) or 'none'}")
        return path
    if not (known := _known()):
        raise RunError(f"there is no run in {RUNS}/", "start one with `nas search`")
    return RUNS / known[0]


def create_run(path: Path, config: Mapping[str, Any]) -> None:
    """Makes the folder with `config.json` and `env.json`, all at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        partial.mkdir()
        write_json(partial / "config.json", config)
        write_json(partial / "env.json", environment())
        partial.rename(path)
    except BaseException:
        remove_run(partial)
        raise


def remove_run(path: Path) -> None:
    """Takes back what `create_run` made, with a parent folder that is empty then."""
    shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        path.parent.rmdir()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the folder for this process; the kernel lets go when the process dies.

    Raises:
        RunError: Another process holds it.
    """
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                f"another process is running {folder}", "wait for it, or stop it first"
            ) from None
        yield


def environment() -> dict[str, Any]:
    """Versions and machine, for `env.json`."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": _cpu(),
        "cores": count_cores(),
        "versions": versions,
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _named(name: str) -> Path:
    path = Path(name).expanduser()
    is_path = path.is_absolute() or len(path.parts) > 1 or name in (".", "..")
    return path if is_path else RUNS / name


def _known() -> list[str]:
    configs = sorted(RUNS.glob("*/config.json"), key=lambda p: p.parent.stat().st_mtime)
    return [path.parent.name for path in reversed(configs)]
