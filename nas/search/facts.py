"""JSON out of a run folder, which may come from anybody: read with limits, or refused."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["read_facts"]

_LARGEST_BYTES = 2**20
_LONGEST = 4000  # characters of a text, which is more than a path may have
_LARGEST = 2**64  # of a whole number


def read_facts(file: Path) -> dict[str, Any]:
    """The object in a small file.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no such object, or holds what none of ours does.
    """
    if file.exists() and not file.is_file():  # to read a pipe is to wait
        raise ValueError("it is no file")
    with file.open("rb") as stream:
        content = stream.read(_LARGEST_BYTES + 1)
    if len(content) > _LARGEST_BYTES:
        raise ValueError(f"it has more than {_LARGEST_BYTES} bytes")
    try:
        facts = json.loads(content.decode())
        if not isinstance(facts, dict):
            raise ValueError("it holds no object")
        for name, value in facts.items():
            for part in (name, *_parts(value)):
                _check(name, part)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError("it is not in UTF-8") from None
    return facts


def _parts(value: Any) -> Iterator[Any]:
    """Texts and numbers; names within, too."""
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _parts(each)
    else:
        yield value


def _check(name: str, part: Any) -> None:
    if isinstance(part, str) and (len(part) > _LONGEST or not part.isprintable()):
        raise ValueError(f"{ascii(name)[:60]} holds a text that is too long or has control signs")
    if isinstance(part, float) and not math.isfinite(part):
        raise ValueError(f"{name[:60]} is {part}")
    if isinstance(part, int) and abs(part) > _LARGEST:
        raise ValueError(f"{name[:60]} is a number of more than 19 digits")
