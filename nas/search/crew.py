"""Keeps an executor busy, and gives the task of a worker that died to another one."""

from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass

from nas.errors import RunError
from nas.search.executors import Executor
from nas.search.tasks import Answer, Task

__all__ = ["Crew"]

_RETRIES = 2  # a worker may be killed by accident; three times it is the candidate's fault


@dataclass(frozen=True, slots=True)
class _Job:
    task: Task
    retries: int = 0


class Crew:
    """The tasks that are running.

    Use as a context manager: leaving it, in whatever way, ends the workers.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._jobs: dict[Future[Answer], _Job] = {}

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *exception: object) -> None:
        self._executor.close()

    @property
    def num_idle(self) -> int:
        """Slots without a task."""
        return max(0, self._executor.num_slots - len(self._jobs))

    def submit(self, task: Task) -> None:
        """Runs `task`; there must be an idle slot."""
        self._jobs[self._executor.submit(task)] = _Job(task)

    def wait(self) -> tuple[Task, Answer]:
        """Blocks until a task is answered.

        Raises:
            RunError: A worker could not set itself up.
        """
        while True:
            future = next(iter(wait(self._jobs, return_when=FIRST_COMPLETED).done))
            job = self._jobs.pop(future)
            try:
                answer = future.result()
            except self._executor.deaths as death:
                if job.retries < _RETRIES:
                    self._jobs[self._executor.submit(job.task)] = _Job(job.task, job.retries + 1)
                    continue
                error = f"the worker died {job.retries + 1} times ({type(death).__name__})"
                answer = Answer(error=error, kind="died")
            if answer.useless:
                raise RunError(f"a worker cannot start: {answer.error}", "try `nas doctor`")
            return job.task, answer
