"""Workers of a Dask cluster: on this machine, behind an address, or started by Slurm."""

import logging
import signal
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import dask
import yaml
from distributed import Client, LocalCluster, WorkerPlugin
from distributed.client import ClosedClientError
from distributed.scheduler import KilledWorker, NoWorkerError

from nas.errors import RunError, UsageError
from nas.search.tasks import Answer, Setup, Task
from nas.search.worker import answer, forget, remember

__all__ = ["DaskCluster", "open_dask"]

_ANSWER_S = 15
_NO_WORKERS_S = 60
_LOST = (OSError, TimeoutError, ClosedClientError)  # the scheduler does not answer any more
_GPU = "GPU"  # name of the resource, where workers declare one
_SHARE = 0.25  # of a GPU, for a network as small as those of a search


class _Remember(WorkerPlugin):  # type: ignore[misc]
    """Tells each worker of the cluster how to set itself up, those that come later too."""

    def __init__(self, key: str, setup: Setup) -> None:
        self.name = f"nas-{key}"
        self._key, self._setup = key, setup

    def setup(self, worker: Any) -> None:
        remember(self._key, self._setup)

    def teardown(self, worker: Any) -> None:
        forget(self._key)


class DaskCluster:
    """The workers of a cluster, which several searches may share.

    Args:
        client: Connected.
        setup: Of every worker.
        cluster: What was started for this search, and ends with it.
    """

    deaths: tuple[type[BaseException], ...] = (KilledWorker,)
    gone: tuple[type[BaseException], ...] = (CancelledError, NoWorkerError)

    def __init__(self, client: Client, setup: Setup, cluster: Any = None) -> None:
        self._client, self._cluster = client, cluster
        self._on_gpu = setup.hardware == "cuda"
        self._key = uuid.uuid4().hex
        self._plugin = _Remember(self._key, setup)
        client.register_plugin(self._plugin)
        self._executor = client.get_executor(pure=False, retries=0)

    @property
    def num_slots(self) -> int:
        """Threads of all workers; of a search on GPUs, shares of those that workers declare."""
        workers = self._workers()
        if gpus := self._gpus(workers):
            return int(gpus / _SHARE)
        return sum(int(worker["nthreads"]) for worker in workers.values())

    def describe(self) -> str:
        """Where it runs, and where Dask shows what it does."""
        many = "1 worker" if (count := len(self._workers())) == 1 else f"{count} workers"
        return f"Dask with {many}, see {self._client.dashboard_link}"

    def submit(self, task: Task) -> "Future[Answer]":
        """Queues `task`."""
        wanted = {_GPU: _SHARE} if self._gpus(self._workers()) else {}
        with self._there():
            future: Future[Answer] = self._executor.submit(
                answer, self._key, task, resources=wanted
            )
        return future

    def close(self) -> None:
        """Leaves the cluster, and ends it where it was started here."""
        if self._client.status == "running":
            with suppress(*_LOST):  # just now
                self._executor.shutdown(wait=False)
                if self._cluster is None:
                    self._client.unregister_worker_plugin(self._plugin.name)
        self._client.close(timeout=_ANSWER_S)
        if self._cluster is not None:
            self._cluster.close(timeout=_ANSWER_S)

    def _workers(self) -> Mapping[str, Mapping[str, Any]]:
        with self._there():
            return dict(self._client.scheduler_info(n_workers=-1)["workers"])

    @contextmanager
    def _there(self) -> Iterator[None]:
        """Raises `CancelledError` where the scheduler is gone, as the futures do then.

        A client waits for it to come back, but a new one knows nothing of this search.
        """
        if self._client.status != "running":
            raise CancelledError
        try:
            yield
        except _LOST as error:
            raise CancelledError from error

    def _gpus(self, workers: Mapping[str, Mapping[str, Any]]) -> float:
        """That are declared, where the search trains on them."""
        declared = sum(float(worker["resources"].get(_GPU, 0)) for worker in workers.values())
        return declared if self._on_gpu else 0.0


def open_dask(cluster: str, setup: Setup) -> DaskCluster:
    """Starts or joins a cluster.

    Args:
        cluster: `local:N`, an address, or `slurm:FILE`.
        setup: Of every worker.

    Raises:
        RunError: Nobody answers at the address, or no worker came.
        UsageError: The file of the Slurm cluster is none.
    """
    # They tell of every worker that goes, and of a scheduler that does (tornado of what it was just
    # fetching from it), which we say in one line.
    for name in ("distributed", "distributed.client", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    kind, _, rest = cluster.partition(":")
    if kind == "local":
        started = _local(int(rest), setup.max_memory_gb)
    elif kind == "slurm":
        started = _slurm(Path(rest))
    else:
        return DaskCluster(_client(cluster, cluster), setup)
    return DaskCluster(_client(started, cluster), setup, started)


def _local(workers: int, max_memory_gb: float | None) -> Any:
    """Processes of one thread; the dashboard takes any free port of this machine.

    A worker near its limit of memory is ended, which the search tells; a paused one would wait for
    ever, for a network that trains holds no results to give away. One that dies while it starts is
    not started again, and no others will come, so a task does not wait for them for ever.
    """
    dask.config.set({"distributed.scheduler.no-workers-timeout": f"{_NO_WORKERS_S}s"})
    memory = "distributed.worker.memory"
    dask.config.set({f"{memory}.{act}": False for act in ("target", "spill", "pause")})
    with _no_interrupts():
        return LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            memory_limit=f"{max_memory_gb}GiB" if max_memory_gb else "auto",
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        )


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Ctrl-C waits for the end, and no process that begins meanwhile ever gets it: we end them."""
    resource_tracker.ensure_running()  # it lets interrupts through again when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _slurm(file: Path) -> Any:
    """`jobs` jobs with the other entries of the file as `SLURMCluster` takes them."""
    from dask_jobqueue import SLURMCluster

    try:
        given = dict(yaml.safe_load(file.read_text(encoding="utf-8")))
        jobs = int(given.pop("jobs"))
        cluster = SLURMCluster(**given)
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"{file} is no Slurm cluster: {' '.join(str(error).split())}",
            "it is YAML with jobs, cores, memory, and what else dask_jobqueue.SLURMCluster takes",
        ) from error
    cluster.scale(jobs=jobs)
    return cluster


def _client(where: Any, shown: str) -> Client:
    # A worker that dies is the crew's business: it knows the last state of what was trained there.
    dask.config.set({"distributed.scheduler.allowed-failures": 0})
    try:
        client = Client(where, timeout=_ANSWER_S)
        client.wait_for_workers(1, timeout=_ANSWER_S)
    except (OSError, TimeoutError) as error:
        raise RunError(
            f"the cluster {shown} does not answer: {' '.join(str(error).split())}",
            "check --cluster, and that it has workers",
        ) from error
    return client
