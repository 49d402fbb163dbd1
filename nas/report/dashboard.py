"""Optuna's dashboard on a run's study, for this machine only."""

import sys
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import optuna
import optuna_dashboard
from optuna.storages import RDBStorage

from nas.errors import RunError
from nas.report.files import read_config
from nas.search.storage import open_storage, quiet_optuna, storage_url

__all__ = ["serve"]

HOST = "127.0.0.1"


class _Server(ThreadingMixIn, WSGIServer):
    """Answers requests side by side; a slow one does not keep the process alive."""

    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """One line a request would bury the address."""


def serve(run: Path, port: int, *, storage: str | None = None) -> None:
    """Serves the dashboard until Ctrl-C; its address goes to stderr.

    Args:
        run: A run folder, finished or not.
        port: On 127.0.0.1; 0 takes a free one.
        storage: URL of the study, where the run's own has a password, which no file keeps.

    Raises:
        RunError: No study, a storage that does not answer, or a port in use.
    """
    url = _url(run, storage)
    quiet_optuna()
    opened = open_storage(url)
    study_id = _study_id(opened, run)
    app = optuna_dashboard.wsgi(opened)
    try:
        server = make_server(HOST, port, app, server_class=_Server, handler_class=_Quiet)
    except (OSError, OverflowError) as error:
        raise RunError(f"port {port} on {HOST}: {error}", "choose another with --port") from None
    sys.stderr.write(f"http://{HOST}:{server.server_port}/dashboard/studies/{study_id}\n")
    sys.stderr.write("Ctrl-C ends it\n")
    sys.stderr.flush()
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


def _study_id(storage: RDBStorage, run: Path) -> int:
    """Of the study named as the run; or of the only one there, should the folder be renamed."""
    names = optuna.get_all_study_names(storage)
    wanted = run.resolve().name
    if wanted not in names and len(names) != 1:
        raise RunError(f"the storage of {run} has no study {wanted!r}", "has the search started?")
    return storage.get_study_id_from_name(wanted if wanted in names else names[0])


def _url(run: Path, storage: str | None) -> str:
    """Checked before it is opened, because opening SQLite makes the file."""
    stored: str | None = storage or read_config(run).get("storage")
    if stored is None and not (run / "study.db").is_file():
        raise RunError(f"{run} has no study.db", "wait for the search to start")
    if stored is not None and ":***@" in stored:
        raise RunError(f"{run} keeps no password for {stored}", "give the URL with --storage")
    return storage_url(stored, run)
