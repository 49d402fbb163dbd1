"""Running another program: it ends in time, and its failure is one line."""

import os
import signal
import subprocess
from collections.abc import Sequence

from nas.errors import DeviceError

__all__ = ["last_words", "run_program"]

_LONGEST = 300  # characters of what a program said


def run_program(command: Sequence[str], *, timeout_s: float) -> "subprocess.CompletedProcess[str]":
    """Runs `command` without input to its end, whatever its exit code.

    Raises:
        DeviceError: It does not start, or runs longer than `timeout_s`; then it and what it
            started are stopped.
    """
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # so that the children can be stopped with it
        )
    except OSError as error:
        raise DeviceError(f"{command[0]} does not start: {error.strerror}") from None
    with process:
        try:
            out, err = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            _stop(process)
            raise DeviceError(f"{command[0]} was stopped after {timeout_s:g} s") from None
        except BaseException:
            _stop(process)
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def last_words(done: "subprocess.CompletedProcess[str]") -> str:
    """The last line that a program wrote, errors first; its exit code where it wrote none."""
    for text in (done.stderr, done.stdout):
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if lines:
            return lines[-1][:_LONGEST]
    return f"exit code {done.returncode}"


def _stop(process: "subprocess.Popen[str]") -> None:
    """Kills it and its children, which would else hold its output open."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()
