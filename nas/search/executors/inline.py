"""One task after the other in this very process: for looking into a search with a debugger."""

from concurrent.futures import Future

from nas.search.tasks import Answer, Setup, Task
from nas.search.worker import Worker

__all__ = ["Inline"]


class Inline:
    """An executor whose futures are done when they are made."""

    num_slots = 1
    deaths: tuple[type[BaseException], ...] = ()
    gone: tuple[type[BaseException], ...] = ()

    def __init__(self, setup: Setup) -> None:
        self._worker = Worker(setup)

    def describe(self) -> str:
        """Where it runs."""
        return "in this process"

    def submit(self, task: Task) -> "Future[Answer]":
        """Runs `task` now."""
        future: Future[Answer] = Future()
        future.set_result(self._worker.answer(task))
        return future

    def close(self) -> None:
        """Nothing to end."""
