"""The study's storage, and what can go wrong with it and the disk, in one line.

sqlite:///study.db              one machine; the default, in the run folder
postgresql://user@host/name     a team
grpc://host:port                a proxy in front of another storage
journal:PATH                    a file on a shared disk, where there is no database
"""

import importlib.util
import socket
import sqlite3
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, GrpcStorageProxy, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from nas.errors import RunError
from nas.search.secrets import hide_password, without_secrets

__all__ = [
    "STORAGE_ERRORS",
    "disk_errors",
    "open_storage",
    "opened_storage",
    "quiet_optuna",
    "storage_url",
]

STORAGE_ERRORS = (StorageInternalError, SQLAlchemyError, grpc.RpcError)

_ANSWER_S = 5.0
_TRIES = 4
_PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306, "grpc": 13000}
_JOURNAL = "journal:"
_OTHER_TABLES = "no longer compatible with the table schema"  # what Optuna says
_HINT = (
    "check --storage: sqlite:///FILE, postgresql://USER@HOST/NAME, grpc://HOST:PORT or journal:FILE"
)


def storage_url(storage: str | None, folder: Path) -> str:
    """What was asked for, or SQLite in the run folder."""
    return storage or f"sqlite:///{(folder / 'study.db').resolve()}"


def open_storage(url: str, *, hint: str = "") -> BaseStorage:
    """Connects, and makes the tables where there are none.

    Args:
        url: In one of the forms above, or another that SQLAlchemy knows.
        hint: What to do if it fails; default: look at --storage.

    Raises:
        RunError: The URL is none, its driver is missing, or nobody answers.
    """
    shown, hint = str(hide_password(url)), hint or _HINT
    try:
        if url.startswith(_JOURNAL):
            return JournalStorage(JournalFileBackend(_journal(url.removeprefix(_JOURNAL))))
        parsed = make_url(url)
        if parsed.host:
            port = parsed.port or _PORTS.get(parsed.get_backend_name(), 0)
            # Drivers wait for minutes where a packet is dropped; a plain connection need not.
            socket.create_connection((parsed.host, port), timeout=_ANSWER_S).close()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            if parsed.drivername == "grpc":
                return _proxy(parsed)
            return _database(_with_driver(parsed).render_as_string(hide_password=False))
    except ImportError as error:
        raise RunError(f"storage {shown} needs a driver: {_first_line(error)}", hint) from error
    except (OSError, *STORAGE_ERRORS, ValueError, RuntimeError) as error:
        if _OTHER_TABLES in str(error):
            raise _of_another_version(shown, error) from error
        said = without_secrets(_root(error), url)
        raise RunError(f"storage {shown} does not answer: {said}", hint) from error


def _of_another_version(shown: str, error: Exception) -> RunError:
    """Optuna's tables change with some of its versions; it can bring older ones up to its own."""
    optuna_here = f"Optuna {optuna.__version__}"
    if "storage upgrade" in str(error):
        return RunError(
            f"the tables in {shown} are of an older version than {optuna_here} reads",
            f"keep a copy, then run: optuna storage upgrade --storage {shown}",
        )
    return RunError(
        f"the tables in {shown} are of a newer version than {optuna_here} reads",
        "use the environment that made them (env.json of the run names it), or update optuna",
    )


@contextmanager
def opened_storage(url: str, *, hint: str = "") -> Iterator[BaseStorage]:
    """As `open_storage`; gives its connections back at the end."""
    storage = open_storage(url, hint=hint)
    try:
        yield storage
    finally:
        if isinstance(storage, RDBStorage):
            storage.remove_session()
            storage.engine.dispose()


def _journal(path: str) -> str:
    """The file, whose folder must be there: the lock beside it would wait for it for ever."""
    folder = Path(path).expanduser().resolve().parent
    if not path or not folder.is_dir():
        raise ValueError(f"there is no folder {folder}" if path else "it names no file")
    return str(Path(path).expanduser())


def _proxy(url: URL) -> GrpcStorageProxy:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        proxy = GrpcStorageProxy(host=str(url.host), port=url.port or _PORTS["grpc"])
    proxy.wait_server_ready(timeout=_ANSWER_S)
    return proxy


def _database(url: str) -> RDBStorage:
    """Of two searches that make the tables at the same moment, one fails and finds them later."""
    # A server that was started again while the search waited for its workers is not noticed.
    options = {"pool_pre_ping": True}
    for left in reversed(range(_TRIES)):
        try:
            storage = RDBStorage(url, engine_kwargs=options)
            break
        except (SQLAlchemyError, StorageInternalError):
            if not left:
                raise
            time.sleep(_ANSWER_S / 10)
    if storage.engine.dialect.name == "sqlite":
        event.listen(storage.engine, "connect", _write_ahead)
        storage.engine.dispose()  # connections of before
    return storage


def _write_ahead(connection: Any, _: object) -> None:
    """One wait for the disk a transaction instead of four, and readers do not block the search."""
    with suppress(sqlite3.OperationalError):  # another search is at work in the old way
        connection.execute("PRAGMA journal_mode=WAL")


def _with_driver(url: URL) -> URL:
    """PostgreSQL by psycopg 3, where a person named no driver and has not the older one."""
    if url.drivername == "postgresql" and not importlib.util.find_spec("psycopg2"):
        return url.set(drivername="postgresql+psycopg")
    return url


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turns a full or unwritable disk, and a storage that is gone, into a `RunError`."""
    try:
        yield
    except STORAGE_ERRORS as error:
        raise RunError(
            f"the study of {folder} cannot be written: {_root(error)}", _disk_hint(folder)
        ) from error
    except ConnectionError:
        raise
    except OSError as error:
        where = error.filename or folder
        raise RunError(
            f"{where} cannot be written: {error.strerror or error}", _disk_hint(folder)
        ) from error


def _disk_hint(folder: Path) -> str:
    if folder.exists():
        return f"free or mend it; nothing finished is lost: nas search --run {folder} --resume"
    return "free or mend it, then give the same command again"


def quiet_optuna() -> None:
    """Optuna logs each trial; our own progress says it better."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def _root(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return _first_line(getattr(error, "orig", None) or error)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
