"""Run folders: where a run writes, and that only one process writes there."""

import fcntl
import importlib.metadata
import json
import os
import platform
import re
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any

from nas.errors import RunError
from nas.search.config import count_cores

__all__ = [
    "RUNS",
    "check_whole",
    "create_run",
    "find_run",
    "is_locked",
    "locked",
    "new_run_path",
    "remove_run",
    "whole_folder",
    "why",
    "write_json",
    "write_text",
]

RUNS = Path("runs")
_LISTED = 5  # names of runs in a hint
_LONGEST = 200  # bytes of a name: a system takes 255, and hidden folders lengthen it
_LOCK = ".lock"
_NO_LINK = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_PACKAGES = (
    "nas", "torch", "tensorflow-cpu", "tensorflow", "keras", "ai-edge-litert", "optuna",
    "optuna-dashboard", "numpy", "pandas", "scipy", "scikit-image", "networkx", "plotly", "typer",
)  # fmt: skip


def write_text(path: Path, text: str) -> None:
    """Writes the whole file or nothing, whatever happens meanwhile."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.unlink(missing_ok=True)  # of a kill; or a link, which would be written through
        with partial.open("x", encoding="utf-8") as file:
            file.write(text)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, value: object) -> None:
    """Like `write_text`."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def new_run_path(name: str | None, *, space: str, device: str) -> Path:
    """Where a new run goes: `name` below `runs/`, or a path, or a fresh name with the date.

    Raises:
        RunError: The folder exists, or `name` is empty.
    """
    if name is not None:
        path = _named(name)
        if ".." in path.parts:
            raise RunError(
                f"run folder {path} leads out of where it begins", "give --run without '..'"
            )
        if os.access(path, os.F_OK):  # unlike `exists`, False below a folder we may not read
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
    if name is not None:
        path = _named(name)
        if not os.access(path / "config.json", os.R_OK):
            raise RunError(f"there is no run in {path}", f"known: {_some(_known())}")
        return path
    if not (known := _known()):
        raise RunError(f"there is no run in {RUNS}/", "start one with `nas search`")
    return RUNS / known[0]


def create_run(path: Path, config: Mapping[str, Any]) -> None:
    """Makes the folder with `config.json` and `env.json`, all at once.

    Raises:
        RunError: It cannot be made there.
    """
    try:
        with whole_folder(path) as partial:
            write_json(partial / "config.json", config)
            write_json(partial / "env.json", environment())
    except OSError as error:
        raise RunError(
            f"run folder {path} cannot be created: {why(error)}",
            "give --run a place where there is room and you may write",
        ) from error


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A hidden folder to fill, which becomes `path`; after an error nothing is left of it."""
    path = path.resolve()
    new_parents = [parent for parent in path.parents if not parent.exists()]
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        partial.mkdir(parents=True)
        yield partial
        partial.rename(path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        for parent in new_parents:
            with suppress(OSError):
                parent.rmdir()
        raise


def why(error: OSError) -> str:
    """What the system said, without the file, which may be a hidden one."""
    within = re.search(r"\[Errno \d+\] ([^:]+)", str(error))  # shutil wraps several in one
    return error.strerror or (within[1] if within else str(error))


def remove_run(path: Path) -> None:
    """Takes back what `create_run` made, with a parent folder that is empty then."""
    shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        path.parent.rmdir()


def is_locked(folder: Path) -> bool:
    """Whether a process holds the folder now; makes nothing there."""
    try:
        lock = os.open(folder / _LOCK, os.O_RDONLY | _NO_LINK)
    except OSError:  # none, or none of ours
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the folder for this process; the kernel lets go when the process dies.

    Raises:
        RunError: Another process holds it, or `check_whole` finds something.
    """
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | _NO_LINK, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise RunError(
            f"another process is running {folder}", "wait for it, or stop it first"
        ) from None
    try:
        check_whole(folder)
        yield
    finally:
        os.close(lock)


def check_whole(folder: Path) -> None:
    """Makes sure that a folder, which may come from anybody, holds files and folders alone.

    What is written or deleted below it then stays below it, and what is copied comes from there.

    Raises:
        RunError: It holds a link, which leads elsewhere, or a pipe, which never ends.
    """
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            if not _is_plain(path := Path(place, name)):
                raise RunError(
                    f"{path} is neither a file nor a folder, and may lead out of the run",
                    "delete it, or put in its place what it leads to",
                )


def _is_plain(path: Path) -> bool:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:  # whoever looks at the run may write there meanwhile
        return True
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


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
    hint = "give --run a name below runs/, or a path"
    if not name.strip():
        raise RunError("the name of a run is empty", hint)
    if not name.isprintable() or any(len(os.fsencode(n)) > _LONGEST for n in Path(name).parts):
        raise RunError(f"the name of a run, {ascii(name)[:60]}, is too long or no text", hint)
    path = Path(name).expanduser()
    is_path = path.is_absolute() or len(path.parts) > 1 or name in (".", "..")
    return path if is_path else RUNS / name


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more if names else "none"


def _known() -> list[str]:
    """The last one first; not what a kill left of one that was being made."""
    configs = sorted(RUNS.glob("[!.]*/config.json"), key=lambda p: p.parent.stat().st_mtime)
    return [path.parent.name for path in reversed(configs)]
