"""Text files that are written whole or not at all."""

from collections.abc import Mapping
from pathlib import Path

from nas.errors import DeviceError

__all__ = ["write_texts"]


def write_texts(texts: Mapping[Path, str]) -> None:
    """All files or none: none is moved to its place before all are written.

    Raises:
        DeviceError: One of them cannot be written.
    """
    parts = {path: path.with_name(f".{path.name}.part") for path in texts}
    try:
        for path, part in parts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(texts[path], encoding="utf-8")
        for path, part in parts.items():
            part.replace(path)
    except OSError as error:
        for part in parts.values():
            part.unlink(missing_ok=True)
        raise DeviceError(f"cannot write {path}: {error.strerror}", "nothing was changed") from None
