"""What happened in a run, one JSON object a line: for scripts, and for who asks why later."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["Log"]

_NAME = "log.jsonl"


class Log:
    """Appends to the log of a run.

    Args:
        run: Its folder.
    """

    def __init__(self, run: Path) -> None:
        self._file = run / _NAME

    def write(self, event: str, **facts: Any) -> None:
        """One event with its facts; the time is that of this machine, in UTC."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": now, "event": event, **facts})
        with self._file.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
