"""Numbers over steps, as a TensorBoard event file.

TensorBoard's own writers load TensorFlow or torch, which takes seconds; its records do not.
"""

import importlib.util
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path

from nas.errors import UsageError

__all__ = ["Scalars", "check_tensorboard"]

_VERSION = "brain.Event:2"  # that a file begins with


def check_tensorboard() -> None:
    """Raises `UsageError` where the package is missing."""
    if importlib.util.find_spec("tensorboard") is None:
        raise UsageError(
            "--tensorboard needs the package tensorboard",
            'install it: pip install "nas[tensorboard]"',
        )


class Scalars:
    """Writes the curves of one training; one that goes on later writes another file beside.

    Args:
        folder: Which TensorBoard shows as one run; made with the first value.
    """

    def __init__(self, folder: Path) -> None:
        unique = f"{time.time_ns()}.{platform.node()}.{os.getpid()}"
        self._file = folder / f"events.out.tfevents.{unique}"

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Values by tag; "a/b" is shown in the group "a"."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.record_writer import RecordWriter

        now_s = time.time()
        events = [Event(wall_time=now_s, file_version=_VERSION)] if not self._file.exists() else []
        summary = Summary(
            value=[Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
        )
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("ab") as file:
            for event in (*events, Event(wall_time=now_s, step=step, summary=summary)):
                RecordWriter(file).write(event.SerializeToString())
