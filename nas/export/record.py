"""`parity.json`: what an export found out, and what a later check compares with.

Reading it believes nothing: every value has its type and its range, or the record is refused.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nas.export.check_set import PHOTOGRAPHS

__all__ = [
    "FLOAT_BOUND",
    "FORMAT",
    "INT8_BOUND_DB",
    "RERUN_BOUND_DB",
    "FileFacts",
    "FormRecord",
    "Record",
    "parse_record",
    "record_text",
]

FORMAT = 1
FLOAT_BOUND = 1e-4
"""Largest difference of a float form to torch, values 0..1: a fortieth of a step of 8 bits."""
INT8_BOUND_DB = 0.05
"""Of the mean PSNR of an INT8 form to that of `model.tflite`."""
RERUN_BOUND_DB = 0.01
"""Of the PSNR of an image to that recorded, when the same file runs elsewhere."""

_LARGEST_FILE = 2**31  # bytes
_LARGEST_EDGE = 2**14  # pixels
_LARGEST_DB = 1000.0  # stands for "the same image", which is infinitely good
_NAME = re.compile(r"(?!\.)[A-Za-z0-9_.-]{1,100}(/(?!\.)[A-Za-z0-9_.-]{1,100}){0,3}")


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file as it was written."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class FormRecord:
    """What a form made of the check images.

    Args:
        file: Of the package, or "".
        precision: "float" or "int8".
        runtime: What ran it.
        psnr_db: Of each image.
        difference: The largest to torch, values 0..1; None of an integer form.
    """

    file: str
    precision: str
    runtime: str
    psnr_db: tuple[float, ...]
    difference: float | None


@dataclass(frozen=True, slots=True)
class Record:
    """All of it.

    Args:
        network: Digest of the graph.
        scale: Upscaling factor.
        input_size: Height and width of the files' input in pixels; None where it is free.
        target: Whose allow-list holds.
        ops: How often each op occurs in `model.tflite`, by name.
        types: How many tensors of it have which type.
        forms: By name.
        files: By name, without `parity.json` itself.
    """

    network: str
    scale: int
    input_size: tuple[int, int] | None
    target: str
    ops: Mapping[str, int]
    types: Mapping[str, int]
    forms: Mapping[str, FormRecord]
    files: Mapping[str, FileFacts]


def record_text(record: Record) -> str:
    """As `parity.json` has it."""
    head = {
        "format": FORMAT,
        "check_images": PHOTOGRAPHS,
        "bounds": {
            "float_difference": FLOAT_BOUND,
            "int8_psnr_db": INT8_BOUND_DB,
            "rerun_psnr_db": RERUN_BOUND_DB,
        },
        "input_and_output": {"dtype": "uint8", "scale": "1/255", "zero_point": 0},
    }
    return json.dumps(head | asdict(record), indent=2, allow_nan=False) + "\n"


def parse_record(text: str) -> Record:
    """Reads what `record_text` wrote.

    Raises:
        ValueError: It is something else; names the first value that is wrong.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is no JSON: {' '.join(str(error).split())[:100]}") from None
    found = _fields(data, "the record")
    if found.get("format") != FORMAT:
        raise ValueError(f"its format is {_shown(found.get('format'))}, known is {FORMAT}")
    if found.get("check_images") != list(PHOTOGRAPHS):
        raise ValueError("it has other check_images")
    size = found.get("input_size")
    if size is not None:
        height, width = _list(size, "input_size", 2)
        size = (
            _whole(height, "input_size", _LARGEST_EDGE),
            _whole(width, "input_size", _LARGEST_EDGE),
        )
    return Record(
        network=_text(found.get("network"), "network"),
        scale=_whole(found.get("scale"), "scale", 8),
        input_size=size,
        target=_text(found.get("target"), "target"),
        ops=_counts(found.get("ops"), "ops"),
        types=_counts(found.get("types"), "types"),
        forms={
            _text(name, "a form"): _form(_fields(form, name), name)
            for name, form in _fields(found.get("forms"), "forms").items()
        },
        files={
            _file_name(name): _file(_fields(file, name), name)
            for name, file in _fields(found.get("files"), "files").items()
        },
    )


def _form(found: Mapping[str, Any], name: str) -> FormRecord:
    difference = found.get("difference")
    psnrs = _list(found.get("psnr_db"), f"{name}: psnr_db", len(PHOTOGRAPHS))
    return FormRecord(
        file=_text(found.get("file"), f"{name}: file", may_be_empty=True),
        precision=_text(found.get("precision"), f"{name}: precision"),
        runtime=_text(found.get("runtime"), f"{name}: runtime"),
        psnr_db=tuple(_number(psnr, f"{name}: psnr_db") for psnr in psnrs),
        difference=None if difference is None else _number(difference, f"{name}: difference"),
    )


def _file(found: Mapping[str, Any], name: str) -> FileFacts:
    sha256 = found.get("sha256")
    if not isinstance(sha256, str) or not re.fullmatch("[0-9a-f]{64}", sha256):
        raise ValueError(f"{name}: sha256 is {_shown(sha256)}")
    return FileFacts(
        sha256, _whole(found.get("size_bytes"), f"{name}: size_bytes", _LARGEST_FILE, 0)
    )


def _file_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{_shown(name)} is no name of a file in a package")
    return name


def _fields(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} is {_shown(value)}, not fields")
    return value


def _list(value: Any, what: str, length: int) -> Sequence[Any]:
    if not isinstance(value, list) or len(value) != length:
        raise ValueError(f"{what} is {_shown(value)}, not {length} values")
    return value


def _text(value: Any, what: str, *, may_be_empty: bool = False) -> str:
    if not isinstance(value, str) or not value.isprintable() or len(value) > 200:
        raise ValueError(f"{what} is {_shown(value)}, not a short text")
    if not value and not may_be_empty:
        raise ValueError(f"{what} is empty")
    return value


def _whole(value: Any, what: str, largest: int, least: int = 1) -> int:
    if type(value) is not int or not least <= value <= largest:
        raise ValueError(f"{what} is {_shown(value)}, not {least} to {largest}")
    return value


def _number(value: Any, what: str) -> float:
    if type(value) not in (int, float) or not math.isfinite(value) or abs(value) > _LARGEST_DB:
        raise ValueError(f"{what} is {_shown(value)}, not a number up to {_LARGEST_DB:g}")
    return float(value)


def _counts(value: Any, what: str) -> dict[str, int]:
    return {
        _text(name, what): _whole(count, f"{what}: {name[:50]}", 10**6)
        for name, count in _fields(value, what).items()
    }


def _shown(value: Any) -> str:
    """As an error may show it, whatever it is."""
    return (
        ascii(value)[:60] if not isinstance(value, int) or abs(value) < 10**18 else "a huge number"
    )
