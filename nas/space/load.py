"""Spaces by name (those that `nas` brings) or by path (a user's own file)."""

import importlib.util
import re
import sys
from pathlib import Path

from nas.errors import SpaceError
from nas.share import share_folder
from nas.space.space import Space

__all__ = ["load_space", "space_names"]

_URL = re.compile(r"[A-Za-z][\w+.-]+:/|[\\/]{2}|git@")  # or a share of a host


def space_names() -> tuple[str, ...]:
    """Names of the spaces that this installation brought."""
    files = share_folder("search_spaces").glob("*.py")
    return tuple(sorted(file.stem for file in files if not file.stem.startswith("_")))


def load_space(name_or_path: str) -> Space:
    """The `space` that a file defines.

    Args:
        name_or_path: A name out of `space_names()`, or the path of a Python file.

    Raises:
        SpaceError: Unknown name, no such file, a file that Python cannot run (with file and
            line), or one without `space = Space(...)`.
    """
    if name_or_path in space_names():
        return _run(share_folder("search_spaces") / f"{name_or_path}.py")
    if _URL.match(name_or_path):
        raise SpaceError(
            f"a space is not fetched from {name_or_path}, since its file runs as a program",
            "read it, store it, and give its path",
        )
    path = Path(name_or_path)
    if path.suffix != ".py":
        raise SpaceError(
            f"there is no space {name_or_path!r}",
            f"known: {', '.join(space_names())}; or give the path of a .py file",
        )
    if not path.is_file():
        raise SpaceError(f"there is no file {name_or_path}", "give the path of a space file")
    return _run(path)


def _run(path: Path) -> Space:
    spec = importlib.util.spec_from_file_location(f"nas_space_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise SpaceError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    writes_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    except SpaceError:
        raise
    except SyntaxError as error:
        raise SpaceError(f"{path}, line {error.lineno}: {error.msg}", "mend the file") from error
    except (Exception, SystemExit) as error:
        where = f"{path}, line {line}" if (line := _line(error, path)) else f"{path}"
        raise SpaceError(f"{where}: {type(error).__name__}: {error}", "mend the file") from error
    finally:
        sys.dont_write_bytecode = writes_bytecode
    space = getattr(module, "space", None)
    if not isinstance(space, Space):
        raise SpaceError(f"{path} defines no 'space'", "end it with space = Space(...)")
    return space


def _line(error: BaseException, path: Path) -> int:
    """Where `path` was when `error` came; 0 where it never ran."""
    line, frame = 0, error.__traceback__
    while frame is not None:
        if Path(frame.tb_frame.f_code.co_filename).resolve() == path.resolve():
            line = frame.tb_lineno
        frame = frame.tb_next
    return line
