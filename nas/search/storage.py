"""The study's storage, and what can go wrong with it and the disk, in one line."""

import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from nas.errors import RunError
from nas.search.config import hide_password

__all__ = ["disk_errors", "open_storage", "quiet_optuna", "storage_url"]

_ANSWER_S = 5.0
_PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306}


def storage_url(storage: str | None, folder: Path) -> str:
    """What was asked for, or SQLite in the run folder."""
    return storage or f"sqlite:///{(folder / 'study.db').resolve()}"


def open_storage(url: str, *, hint: str = "") -> RDBStorage:
    """Connects, and makes the tables where there are none.

    Args:
        url: As SQLAlchemy writes it.
        hint: What to do if it fails; default: look at --storage.

    Raises:
        RunError: The URL is none, its driver is missing, or nobody answers.
    """
    shown = hide_password(url)
    hint = hint or "check --storage, such as sqlite:///study.db or postgresql://user@host/name"
    try:
        parsed = make_url(url)
        if parsed.host:
            port = parsed.port or _PORTS.get(parsed.get_backend_name(), 0)
            # Drivers wait for minutes where a packet is dropped; a plain connection need not.
            socket.create_connection((parsed.host, port), timeout=_ANSWER_S).close()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            return RDBStorage(url)
    except ImportError as error:
        raise RunError(f"storage {shown} needs a driver: {_first_line(error)}", hint) from error
    except (OSError, SQLAlchemyError, StorageInternalError, ValueError, RuntimeError) as error:
        raise RunError(f"storage {shown} does not answer: {_root(error)}", hint) from error


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turns a full or unwritable disk, and a storage that is gone, into a `RunError`."""
    try:
        yield
    except (StorageInternalError, SQLAlchemyError) as error:
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
