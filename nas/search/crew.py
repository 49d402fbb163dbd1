"""Keeps an executor busy, and gives the task of a worker that died to another one."""

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass

from nas.errors import RunError
from nas.search.executors import Executor
from nas.search.failures import ADVICE
from nas.search.tasks import Answer, Task

__all__ = ["Crew"]

_RETRIES = 2  # a worker may be killed by accident; three times it is the candidate's fault


@dataclass(frozen=True, slots=True)
class _Job:
    task: Task
    retries: int = 0


class Crew:
    """The tasks that are running.

    Use as a context manager: leaving it, in whatever way, ends the workers. A cluster that is gone
    is a `RunError` then.

    Args:
        executor: With workers.
        on_death: Called with `trial`, `retry` and `reason` where a worker died and its task goes
            to another one.
    """

    def __init__(
        self, executor: Executor, on_death: Callable[..., None] = lambda **facts: None
    ) -> None:
        self._executor = executor
        self._on_death = on_death
        self._jobs: dict[Future[Answer], _Job] = {}

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._executor.close()
        if isinstance(error, self._executor.gone):
            raise RunError(
                "the cluster is gone: its scheduler does not answer any more, or no worker is left",
                "start it again; nothing finished is lost: give the command again, with --resume",
            ) from error

    @property
    def num_workers(self) -> int:
        """Slots that there are now, maybe fewer than tasks."""
        return self._executor.num_slots

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
                    why = f"the worker died ({type(death).__name__})"
                    self._on_death(trial=job.task.number, retry=job.retries + 1, reason=why)
                    self._jobs[self._executor.submit(job.task)] = _Job(job.task, job.retries + 1)
                    continue
                error = f"the worker died {job.retries + 1} times ({type(death).__name__})"
                answer = Answer(error=error, kind="died")
            if answer.useless:
                hint = ADVICE["memory"] if answer.kind == "memory" else "try `nas doctor`"
                raise RunError(f"a worker cannot start: {answer.error}", hint)
            return job.task, answer
