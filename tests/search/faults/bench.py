"""A bench that trains nothing: it sleeps, and notes which rungs it began and ended.

Imports no torch, so that a worker is there in a second.
"""

import os
import signal
import struct
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from nas.graph import Graph
from nas.search.tasks import Reached
from tests.search.fakes import Steady

__all__ = ["FLAG", "NOTES", "DiesAnswering", "Noting"]

FLAG = "NAS_FAULT_FLAG"  # environment variable: a file

NOTES = "NAS_FAULT_NOTES"  # environment variable: the file


class Noting(Steady):
    """Takes 0.02 to 0.12 s a rung; nothing of it is worth a cache."""

    identity = ""

    def advance(
        self, graph: Graph, rung: int, state: bytes, *, limit_s: float | None = None
    ) -> Reached:
        _note("begin", graph.digest, rung)
        time.sleep(0.02 + int(graph.digest[:2], 16) / 2550)
        reached = super().advance(graph, rung, state)
        _note("end", graph.digest, rung)
        return reached

    def finalise(self, graph: Graph, folder: Path) -> dict[str, Any]:
        time.sleep(0.1)
        (folder / "large.bin").write_bytes(bytes(50_000))
        return super().finalise(graph, folder)


class DiesAnswering(Noting):
    """Killed once, when half of an answer is written; `NAS_FAULT_FLAG` names what remembers."""

    def advance(
        self, graph: Graph, rung: int, state: bytes, *, limit_s: float | None = None
    ) -> Reached:
        flag = Path(os.environ[FLAG])
        if not flag.exists():
            flag.touch()
            Connection._send_bytes = _send_half  # type: ignore[attr-defined]
        return super().advance(graph, rung, state)


def _send_half(self: "Connection[Any, Any]", content: Any) -> None:
    os.write(self.fileno(), struct.pack("!i", len(content)) + bytes(content)[:100])
    os.kill(os.getpid(), signal.SIGKILL)


def _note(event: str, digest: str, rung: int) -> None:
    with Path(os.environ[NOTES]).open("a") as file:  # one write: lines of two workers do not mix
        file.write(f"{event} {digest} {rung} {os.getpid()}\n")
