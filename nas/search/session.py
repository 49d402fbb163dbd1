"""The time from a start, or a resume, of a run to its end, as its log tells it."""

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from nas.errors import UserError
from nas.search.folder import environment
from nas.search.log import Log

__all__ = ["logged_session"]


@contextmanager
def logged_session(log: Log, **facts: Any) -> Iterator[None]:
    """Logs the beginning with `facts`, and why it ended; a kill leaves no end.

    Args:
        log: Of the run.
        facts: What the run was asked to do, and on what.
    """
    began_s = time.monotonic()
    log.write(
        "session",
        resumed=not log.is_new,
        host=platform.node(),
        pid=os.getpid(),
        environment=environment(),
        **facts,
    )

    def end(why: str, reason: str = "") -> None:
        with suppress(OSError):  # a full disk is why it ended
            log.write("ended", why=why, reason=reason, seconds=time.monotonic() - began_s)

    try:
        yield
    except KeyboardInterrupt:
        end("interrupted")
        raise
    except UserError as error:
        end("error", error.message)
        raise
    except Exception as error:
        end("error", f"{type(error).__name__}: {error}")
        raise
    end("done")
