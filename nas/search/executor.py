"""Local worker processes.

Not `concurrent.futures`: there one dead worker breaks the pool and takes all running tasks with
it, and nobody can say whose task it was.
"""

import multiprocessing
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from nas.errors import RunError
from nas.search.config import count_cores
from nas.search.tasks import Answer, Setup, Task
from nas.search.worker import work

__all__ = ["Pool"]

_ATTEMPTS = 2  # a worker may be killed by accident once; twice it is the candidate's fault


@dataclass(slots=True, eq=False)
class _Worker:
    process: SpawnProcess
    channel: "Connection[Any, Any]"
    task: Task | None = None
    attempts: int = 0


class Pool:
    """`workers` spawned processes, each set up once, each with one task at a time.

    Use as a context manager: leaving it, in whatever way, ends the workers.
    """

    def __init__(self, setup: Setup, *, workers: int) -> None:
        self._setup = setup
        self._threads = max(1, count_cores() // workers)
        self._workers = [self._start() for _ in range(workers)]

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def num_idle(self) -> int:
        return sum(worker.task is None for worker in self._workers)

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids, for whoever wants to watch or kill them."""
        return tuple(worker.process.pid or 0 for worker in self._workers)

    def submit(self, task: Task) -> None:
        """Gives `task` to an idle worker; there must be one."""
        place = next(i for i, worker in enumerate(self._workers) if worker.task is None)
        self._give(place, task, attempts=1)

    def wait(self) -> tuple[Task, Answer]:
        """Blocks until a task is answered; a task whose worker died is tried once more.

        Raises:
            RunError: A worker could not set itself up.
        """
        while True:
            busy = [worker.channel for worker in self._workers if worker.task is not None]
            ready = set(wait(busy))
            for place, worker in enumerate(self._workers):
                if worker.channel not in ready or worker.task is None:
                    continue
                task = worker.task
                answer = self._receive(place)
                if answer is None:
                    continue
                if answer.useless:
                    raise RunError(f"a worker cannot start: {answer.error}", "try `nas doctor`")
                return task, answer

    def close(self) -> None:
        """Ends all workers at once; nothing they were doing is kept."""
        for worker in self._workers:
            worker.channel.close()
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
        self._workers = []

    def _start(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        mine, theirs = context.Pipe()
        process = context.Process(target=work, args=(theirs, self._threads), daemon=True)
        process.start()
        theirs.close()
        worker = _Worker(process, mine)
        _send(worker, self._setup)
        return worker

    def _give(self, place: int, task: Task, *, attempts: int) -> None:
        worker = self._workers[place]
        worker.task, worker.attempts = task, attempts
        _send(worker, task)

    def _receive(self, place: int) -> Answer | None:
        worker = self._workers[place]
        task, attempts = worker.task, worker.attempts
        try:
            answer: Answer = worker.channel.recv()
            worker.task = None
            return answer
        except (EOFError, OSError):
            worker.process.join()
            code = worker.process.exitcode
            worker.channel.close()
            self._workers[place] = self._start()
        if task is None or attempts >= _ATTEMPTS:
            return Answer(error=f"the worker died {attempts} times (exit code {code})")
        self._give(place, task, attempts=attempts + 1)
        return None


def _send(worker: _Worker, message: Setup | Task) -> None:
    try:
        worker.channel.send(message)
    except OSError:  # it died meanwhile: `wait` sees its closed channel and starts another
        return
