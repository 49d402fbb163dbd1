"""From what a person asked for to an executor."""

import re
from pathlib import Path

from nas.errors import RunError, UsageError
from nas.search.executors.base import Executor
from nas.search.tasks import Setup

__all__ = ["check_cluster", "open_executor"]

_KINDS = "inline, local:N, tcp://HOST:PORT, tls://HOST:PORT or slurm:FILE"


def check_cluster(cluster: str) -> None:
    """Raises `UsageError` where `cluster` means no executor."""
    kind, _, rest = cluster.partition(":")
    if cluster == "inline" or re.fullmatch(r"local:[1-9]\d*|(tcp|tls)://[^\s/]+:\d+", cluster):
        return
    if kind == "slurm" and rest:
        if not Path(rest).is_file():
            raise UsageError(f"there is no file {rest}", "slurm:FILE names the YAML of the cluster")
        return
    raise UsageError(f"{cluster!r} is no cluster", f"--cluster is {_KINDS}")


def open_executor(cluster: str | None, setup: Setup, *, workers: int) -> Executor:
    """Starts or joins the workers.

    Args:
        cluster: As `check_cluster` takes it; None: processes of this machine.
        setup: Of every worker.
        workers: Processes, where `cluster` is None.

    Raises:
        RunError: The cluster does not answer, or Dask is not installed.
    """
    if cluster is None:
        from nas.search.executors.processes import Processes

        return Processes(setup, workers)
    if cluster == "inline":
        from nas.search.executors.inline import Inline

        return Inline(setup)
    try:
        from nas.search.executors.dask import open_dask
    except ImportError as error:
        raise RunError(
            f"--cluster {cluster} needs Dask: {error}", 'run `pip install "nas[cluster]"`'
        ) from error
    return open_dask(cluster, setup)
