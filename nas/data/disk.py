"""The disk's refusals as errors a person can mend."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nas.errors import DataError

__all__ = ["check_room", "writing"]

_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Around what writes `path` or below it.

    Raises:
        DataError: Instead of an OSError: what the system said of which path.
    """
    try:
        yield
    except OSError as error:
        hint = "free space, then try again" if error.errno in _FULL else "check its rights"
        reason = error.strerror or str(error)
        raise DataError(f"cannot write {path}: {reason}", hint) from error


def check_room(folder: Path, needed_bytes: int) -> None:
    """Nothing, if the disk of a folder that exists has room.

    Raises:
        DataError: It has not.
    """
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise DataError(
            f"no room in {folder}: {needed_bytes / 1e9:.2f} GB are needed, {free / 1e9:.2f} GB are "
            "free",
            "free space, or name another folder",
        )
