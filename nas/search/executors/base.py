"""What the search wants of an executor."""

from concurrent.futures import Future
from typing import Protocol

from nas.search.tasks import Answer, Task

__all__ = ["Executor"]


class Executor(Protocol):
    """Runs tasks in workers that were set up for one run.

    Where what leads the workers is gone, the futures and all but `close` raise one of `gone`.
    """

    @property
    def num_slots(self) -> int:
        """Tasks that it runs side by side; may change while workers come and go."""

    @property
    def deaths(self) -> tuple[type[BaseException], ...]:
        """Exceptions of a future whose worker died: the task may be given to another one."""

    @property
    def gone(self) -> tuple[type[BaseException], ...]:
        """Exceptions that say that nobody will answer any more."""

    def describe(self) -> str:
        """For the person who waits, in one line."""

    def submit(self, task: Task) -> "Future[Answer]":
        """Runs `task` as soon as a slot is free."""

    def close(self) -> None:
        """Ends the workers; nothing they were doing is kept."""
