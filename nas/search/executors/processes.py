"""Processes of this machine, each a pool of its own: one that dies takes no other's task along."""

import multiprocessing
import os
import resource
import signal
import threading
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from typing import Any

from nas.search.config import count_cores
from nas.search.tasks import Answer, Setup, Task
from nas.search.worker import answer, remember

__all__ = ["Processes"]

_KEY = "search"  # a process serves one
_LIBRARIES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Processes:
    """`workers` processes.

    Args:
        setup: Of every worker.
        workers: How many; the cores are shared out among them.
    """

    deaths: tuple[type[BaseException], ...] = (BrokenProcessPool,)
    gone: tuple[type[BaseException], ...] = ()

    def __init__(self, setup: Setup, workers: int) -> None:
        self._setup = setup
        self._threads = max(1, count_cores() // workers)
        self._lifeline, self._end = multiprocessing.Pipe(duplex=False)
        self._pools = [self._pool() for _ in range(workers)]
        self._running: list[Future[Answer] | None] = [None] * workers

    @property
    def num_slots(self) -> int:
        """As many as there are processes."""
        return len(self._pools)

    def describe(self) -> str:
        """Where it runs."""
        many = "process" if self.num_slots == 1 else "processes"
        return f"{self.num_slots} {many} of this machine"

    def submit(self, task: Task) -> "Future[Answer]":
        """Gives `task` to an idle process, a new one where the last one died."""
        place = next(i for i, future in enumerate(self._running) if not future or future.done())
        try:
            future = _submit(self._pools[place], task)
        except BrokenProcessPool:
            self._pools[place].shutdown(wait=False)
            self._pools[place] = self._pool()
            future = _submit(self._pools[place], task)
        self._running[place] = future
        return future

    def close(self) -> None:
        """Kills the processes by closing their lifeline."""
        self._end.close()
        for pool in self._pools:
            pool.shutdown(wait=True, cancel_futures=True)
        self._lifeline.close()

    def _pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            1,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(self._setup, self._threads, self._lifeline),
        )


def _submit(pool: ProcessPoolExecutor, task: Task) -> "Future[Answer]":
    """Also lets go of the end of the pipe that answers come through: the worker alone holds it.

    Otherwise we would wait for ever for the rest of an answer, where it is killed in the middle.
    """
    future = pool.submit(answer, _KEY, task)
    answers: Any = pool._result_queue
    answers._writer.close()
    return future


def _begin(setup: Setup, threads: int, lifeline: "Connection[Any, Any]") -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the main process, which decides
    threading.Thread(target=_die_with, args=(lifeline,), daemon=True).start()
    os.dup2(2, 1)  # stdout belongs to the result of the main process
    for name in _LIBRARIES:
        os.environ[name] = str(threads)
    if setup.max_memory_gb is not None:
        most_bytes = int(setup.max_memory_gb * 2**30)
        resource.setrlimit(resource.RLIMIT_DATA, (most_bytes, most_bytes))
    remember(_KEY, setup)


def _die_with(lifeline: "Connection[Any, Any]") -> None:
    """A main process that was killed cannot tell anybody to stop; its end of the pipe can."""
    try:
        lifeline.recv()
    except (EOFError, OSError):
        os._exit(1)
