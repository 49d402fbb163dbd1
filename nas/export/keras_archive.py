"""Whether a `.keras` file holds built-in layers alone, found out without Keras.

Such a file is a ZIP archive of a JSON description and an HDF5 file of numbers. Code could come in
by a Lambda layer, or by a class of some other package: safe mode refuses the first, and neither is
ever in a package.
"""

import json
import re
import zipfile
from pathlib import Path
from typing import Any

__all__ = ["foreign_classes", "network_name"]

_MEMBERS = {"config.json", "metadata.json", "model.weights.h5"}
_LARGEST_CONFIG = 16 * 2**20  # bytes
_MODULES = re.compile(r"keras|keras\.(layers|initializers|src\.models\.functional|src\.ops\.\w+)")
_PLAIN = {"__keras_tensor__", "__ellipsis__", "__slice__"}  # what stands there without a module
_DEEPEST = 60
_FAILURES = (OSError, ValueError, KeyError, RuntimeError, NotImplementedError, zipfile.BadZipFile)


def foreign_classes(file: Path) -> tuple[str, ...]:
    """Names of what is not built into Keras, Lambda among them; empty as it should be.

    Raises:
        ValueError: It is no such archive.
    """
    found: set[str] = set()
    _collect(_config(file), found, 0)
    return tuple(sorted(found))


def network_name(file: Path) -> str:
    """The name of the network, which holds the digest of its graph.

    Raises:
        ValueError: As `foreign_classes`.
    """
    inner = _config(file).get("config")
    name = inner.get("name") if isinstance(inner, dict) else None
    return name if isinstance(name, str) else ""


def _config(file: Path) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(file) as archive:
            if extra := {entry.filename for entry in archive.infolist()} ^ _MEMBERS:
                raise ValueError(f"it holds {', '.join(sorted(extra))[:100]}, or lacks it")
            if archive.getinfo("config.json").file_size > _LARGEST_CONFIG:
                raise ValueError("its config.json is too large")
            with archive.open("config.json") as stream:
                config = json.loads(stream.read(_LARGEST_CONFIG + 1))
    except (*_FAILURES, RecursionError) as error:
        raise ValueError(f"it is no Keras archive: {' '.join(str(error).split())[:150]}") from error
    if not isinstance(config, dict):
        raise ValueError("its config.json holds no network")
    return config


def _collect(value: Any, found: set[str], depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError("its config.json is nested too deeply")
    if isinstance(value, dict):
        if "class_name" in value and not _is_built_in(value):
            found.add(f"{value.get('module')}.{value['class_name']}"[:100])
        for inner in value.values():
            _collect(inner, found, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _collect(inner, found, depth + 1)


def _is_built_in(described: dict[str, Any]) -> bool:
    name, module = described["class_name"], described.get("module")
    if module is None:
        return name in _PLAIN
    registered = described.get("registered_name")
    known = isinstance(module, str) and _MODULES.fullmatch(module)
    return bool(known) and name != "Lambda" and registered in (None, name)
