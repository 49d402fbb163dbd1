"""What a worker does, wherever it runs: sets itself up once, then answers tasks."""

import importlib
import math
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from nas.search.failures import kind_of
from nas.search.tasks import Advance, Answer, Bench, Finalise, Reached, Setup, Task

__all__ = ["Worker", "answer", "forget", "remember"]

_setups: dict[str, Setup] = {}  # by the key of a search: a process may serve several
_workers: "dict[str, Worker]" = {}


def remember(key: str, setup: Setup) -> None:
    """Tells this process how its worker for a search is set up, when the first task comes."""
    _setups[key] = setup


def forget(key: str) -> None:
    """Drops the worker for a search."""
    _setups.pop(key, None)
    _workers.pop(key, None)


def answer(key: str, task: Task) -> Answer:
    """The answer of this process's worker for a search."""
    if key not in _workers:
        _workers[key] = Worker(_setups[key])
    return _workers[key].answer(task)


class Worker:
    """Answers tasks; whatever goes wrong is in the answer.

    Args:
        setup: Makes the bench; why it could not is the answer to every task.
    """

    def __init__(self, setup: Setup) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        self._bench: Bench | None = None
        self._trouble = ""
        module, _, name = setup.bench.partition(":")
        try:
            make: Callable[..., Bench] = getattr(importlib.import_module(module), name)
            self._bench = make(setup.dataset, scale=setup.scale, seed=setup.seed)
        except Exception as error:
            self._trouble = _line(error)

    def answer(self, task: Task) -> Answer:
        """What came of `task`, or why nothing did."""
        if self._bench is None:
            return Answer(error=self._trouble, useless=True)
        try:
            if isinstance(task, Advance):
                return Answer(_advance(self._bench, task))
            return Answer(_finalise(self._bench, task))
        except OSError as error:
            return Answer(error=_line(error), kind=kind_of(error), errno=error.errno or 0)
        except Exception as error:
            return Answer(error=_line(error), kind=kind_of(error))


def _advance(bench: Bench, task: Advance) -> Reached:
    from nas.graph import parse_text

    reached = bench.advance(parse_text(task.network), task.rung, task.state, limit_s=task.limit_s)
    if not all(math.isfinite(psnr_db) for psnr_db in reached.reading[1:]):
        raise FloatingPointError(f"training gave no finite PSNR, got {reached.reading}")
    return reached


def _finalise(bench: Bench, task: Finalise) -> tuple[dict[str, object], dict[str, bytes]]:
    """Figures, and the files by their path in the folder of the finalist."""
    from nas.graph import parse_text

    with TemporaryDirectory(prefix="nas-finalist-") as name:
        folder = Path(name)
        figures = bench.finalise(parse_text(task.network), folder)
        files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
        return figures, {str(file.relative_to(folder)): file.read_bytes() for file in files}


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
