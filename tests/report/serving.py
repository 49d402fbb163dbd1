"""A dashboard in its own process."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WAIT_S = 30
_CODE = (
    "import pathlib, sys; from nas.report.dashboard import serve; "
    "serve(pathlib.Path(sys.argv[1]), 0, host=sys.argv[2])"
)


@contextmanager
def _started(run: Path, host: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", _CODE, str(run), host]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=WAIT_S)


@contextmanager
def serving(run: Path) -> Iterator[str]:
    """The address of the run's dashboard, as the command says it."""
    with _started(run, "127.0.0.1") as process:
        yield process.stderr.readline().strip()


def said_by(run: Path, host: str) -> list[str]:
    """What the command says until it serves."""
    lines = []
    with _started(run, host) as process:
        for line in process.stderr:
            lines.append(line.strip())
            if "Ctrl-C" in line:
                break
    return lines
