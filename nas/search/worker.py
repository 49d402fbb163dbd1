"""What a worker does, wherever it runs: sets itself up once, then answers tasks."""

import importlib
import math
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from nas.graph import Graph, parse_text
from nas.search.evaluation_cache import EvaluationCache
from nas.search.failures import kind_of
from nas.search.known_rungs import find_rung, keep_rung, rung_key
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
    """Answers tasks, from the cache where it can; whatever goes wrong is in the answer.

    Args:
        setup: Makes the bench; why it could not is the answer to every task.
    """

    def __init__(self, setup: Setup) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        self._bench: Bench | None = None
        self._cache = EvaluationCache()
        self._trouble = Answer(useless=True)
        module, _, name = setup.bench.partition(":")
        try:
            make: Callable[..., Bench] = getattr(importlib.import_module(module), name)
            self._bench = make(setup.dataset, scale=setup.scale, seed=setup.seed)
        except Exception as error:
            self._trouble = Answer(error=_line(error), kind=kind_of(error), useless=True)

    def answer(self, task: Task) -> Answer:
        """What came of `task`, or why nothing did."""
        if self._bench is None:
            return self._trouble
        try:
            if isinstance(task, Advance):
                return Answer(_advance(self._bench, self._cache, task))
            return Answer(_finalise(self._bench, task))
        except OSError as error:
            return Answer(error=_line(error), kind=kind_of(error), errno=error.errno or 0)
        except Exception as error:
            return Answer(error=_line(error), kind=kind_of(error))


def _advance(bench: Bench, cache: EvaluationCache, task: Advance) -> Reached:
    graph = parse_text(task.network)
    if not bench.identity:
        return _trained(bench, graph, task)
    key = rung_key(bench.identity, graph, task.rung, task.state)
    reached = find_rung(cache, key)
    if reached is None:
        reached = _trained(bench, graph, task)
        keep_rung(cache, key, reached)  # before anybody hears of it: a kill costs no training
    return reached


def _trained(bench: Bench, graph: Graph, task: Advance) -> Reached:
    reached = bench.advance(graph, task.rung, task.state, limit_s=task.limit_s)
    if not all(math.isfinite(psnr_db) for psnr_db in reached.reading[1:]):
        raise FloatingPointError(f"training gave no finite PSNR, got {reached.reading}")
    return reached


def _finalise(bench: Bench, task: Finalise) -> tuple[dict[str, object], dict[str, bytes]]:
    """Figures, and the files by their path in the folder of the finalist."""
    with TemporaryDirectory(prefix="nas-finalist-") as name:
        folder = Path(name)
        figures = bench.finalise(parse_text(task.network), folder)
        files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
        return figures, {str(file.relative_to(folder)): file.read_bytes() for file in files}


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
