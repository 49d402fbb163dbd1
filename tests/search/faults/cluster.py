"""A Dask cluster whose scheduler and workers are processes of their own, as on several machines."""

import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["Cluster", "free_port"]


class Cluster:
    """Started part by part.

    Args:
        folder: For logs.
        environment: Of its processes.
        host: That the scheduler listens at.
        prefix: Of the command of the scheduler, such as `ip netns exec NAME`.
    """

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        *,
        host: str = "127.0.0.1",
        prefix: Sequence[str] = (),
    ) -> None:
        self._folder, self._environment = folder, dict(environment)
        self._host, self._prefix, self._port = host, list(prefix), free_port()
        self.scheduler: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []

    @property
    def address(self) -> str:
        return f"tcp://{self._host}:{self._port}"

    def start(self, *, workers: int = 2) -> None:
        """Starts the scheduler, and workers beside it."""
        options = ["--host", self._host, "--port", str(self._port), "--no-dashboard"]
        self.scheduler = self._spawn([*self._prefix, *_command("scheduler"), *options])
        for _ in range(workers):
            self.add_worker(self._prefix)

    def add_worker(self, prefix: Sequence[str] = ()) -> "subprocess.Popen[bytes]":
        """One more, of one thread; with another `prefix`, at another place."""
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--death-timeout", "60"]
        self.workers.append(self._spawn([*prefix, *_command("worker"), self.address, *options]))
        return self.workers[-1]

    def kill_scheduler(self) -> None:
        assert self.scheduler is not None
        self.scheduler.kill()
        self.scheduler.wait()

    def kill_workers(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()
        self.workers = []

    def close(self) -> None:
        """Kills what is left."""
        self.kill_scheduler()
        self.kill_workers()

    def _spawn(self, command: Sequence[str]) -> "subprocess.Popen[bytes]":
        with (self._folder / "cluster.log").open("ab") as log:
            return subprocess.Popen(
                list(command),
                cwd=self._folder,
                env=self._environment,
                stdout=log,
                stderr=log,
            )


def free_port() -> int:
    """That nobody listens at now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _command(kind: str) -> list[str]:
    return [sys.executable, "-m", f"distributed.cli.dask_{kind}"]
