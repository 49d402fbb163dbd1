"""READERS x OPS: every reader reads the whole vocabulary."""

import importlib
import pkgutil

import pytest

import nas.readers
from nas.graph import OPS
from nas.readers.table import OpTable


def tables() -> dict[str, OpTable[object]]:
    """Every OpTable that a module of `nas.readers` defines, by its reader."""
    found: dict[str, OpTable[object]] = {}
    for module in pkgutil.iter_modules(nas.readers.__path__, "nas.readers."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, OpTable):
                assert found.setdefault(value.reader, value) is value
    return found


TABLES = tables()


def test_readers_are_all_found() -> None:
    assert set(TABLES) == {
        *("weights", "parameters", "macs", "latency features", "file bytes"),
        *("to_torch", "to_keras", "to_onnx", "draw", "reach", "linearity"),
    }


@pytest.mark.parametrize("op", sorted(OPS, key=str), ids=lambda op: op.__name__)
@pytest.mark.parametrize("reader", TABLES)
def test_reader_reads_the_op(reader: str, op: type) -> None:
    assert op not in TABLES[reader].missing()
