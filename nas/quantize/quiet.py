"""Silence for libraries that write to the process's streams, past Python's own."""

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator

__all__ = ["quiet"]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Sends what native code writes to stdout and stderr nowhere; errors still raise."""
    streams = (sys.stdout, sys.stderr)
    for stream in streams:
        stream.flush()
    kept = [os.dup(1), os.dup(2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for stream in streams:
            stream.flush()
        for target, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, target)
            os.close(copy)
        os.close(nowhere)
