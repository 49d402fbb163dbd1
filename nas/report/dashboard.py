"""Optuna's dashboard on a run's study; for this machine only, unless one asks for more."""

import ipaddress
import socket
import sys
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import WSGIApplication

from optuna.storages import get_storage

from nas.errors import RunError
from nas.report.annotations import annotated_app
from nas.report.files import read_config
from nas.search.config import storage_of
from nas.search.storage import open_storage, quiet_optuna, storage_url
from nas.search.study import existing_study

__all__ = ["HOST", "serve"]

HOST = "127.0.0.1"
_WARNING = (
    "warning: there is no login; whoever reaches this machine by {host} can read, change and "
    "delete the study\n"
)


class _Server(ThreadingMixIn, WSGIServer):
    """Answers requests side by side; a slow one does not keep the process alive."""

    daemon_threads = True


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """One line a request would bury the address."""


def serve(run: Path, port: int, *, host: str = HOST, storage: str | None = None) -> None:
    """Serves the dashboard until Ctrl-C; its address goes to stderr.

    Args:
        run: A run folder, finished or not.
        port: 0 takes a free one.
        host: Address or name to listen on; others than those of this machine alone get a warning.
        storage: URL of the study, where it is not in the run folder.

    Raises:
        RunError: No study, a storage that does not answer, or an address that cannot be had.
    """
    config = read_config(run)
    url = _url(run, config.get("storage"), storage)
    quiet_optuna()
    # Finished trials never change; without the cache each look at the page reads all of them.
    opened = get_storage(open_storage(url))
    study_id = existing_study(opened, str(config.get("study", run.resolve().name)))._study_id
    server = _listen(host, port, annotated_app(opened, study_id, run, config))
    address = f"http://{_reachable(host)}:{server.server_port}"
    sys.stderr.write(f"{address}/dashboard/studies/{study_id}\n")
    if not _is_loopback(host):
        sys.stderr.write(_WARNING.format(host=host))
    sys.stderr.write("Ctrl-C ends it\n")
    sys.stderr.flush()
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


def _listen(host: str, port: int, app: WSGIApplication) -> WSGIServer:
    if not host.strip():  # to the system that means all addresses, to a person none
        raise RunError("--host is empty", f"leave it out to listen on {HOST} alone")
    kind = _Server6 if ":" in host else _Server
    try:
        server = kind((host, port), _Quiet)
    except (OSError, OverflowError, UnicodeError) as error:
        hint = "choose another with --port, or an address of this machine with --host"
        raise RunError(f"port {port} on {host}: {error}", hint) from None
    server.set_app(app)
    return server


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _reachable(host: str) -> str:
    """What to type here into a browser to reach a server on `host`."""
    shown = {"0.0.0.0": HOST, "::": "::1"}.get(host, host)
    return f"[{shown}]" if ":" in shown else shown


def _url(run: Path, stored: str | None, given: str | None) -> str:
    """Checked before it is opened, because opening SQLite makes the file."""
    wanted = storage_of(stored, given, run)
    if wanted is None and not (run / "study.db").is_file():
        raise RunError(f"{run} has no study.db", "wait for the search to start")
    return storage_url(wanted, run)
