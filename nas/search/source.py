"""Which code an evaluation is of: a changed package never answers with what an old one found."""

import hashlib
from functools import cache
from pathlib import Path

__all__ = ["DECIDING", "source_digest"]

DECIDING = (  # folders and files of the package that decide what training and quantising give
    *("data", "graph", "quantize", "readers", "train"),
    *("search/crops.py", "search/effort.py", "search/evaluation.py"),
)


_ROOT = Path(__file__).parents[1]


@cache  # a worker that lives for days runs the code that it read at its start
def source_digest() -> str:
    """SHA-256 of their text and of where it lies."""
    total = hashlib.sha256()
    for part in DECIDING:
        path = _ROOT / part
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            content = file.read_bytes()
            total.update(f"{file.relative_to(_ROOT).as_posix()} {len(content)}\n".encode())
            total.update(content)
    return total.hexdigest()
