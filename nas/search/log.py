"""What happened in a run, one JSON object a line: for scripts, and for who asks why later.

`docs/how-to/log.md` has the events and their facts as a table.
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nas.search.secrets import without_secrets

__all__ = ["EVENTS", "Log"]

EVENTS: dict[str, tuple[str, ...]] = {
    "session": ("config", "data_digest", "driver", "environment", "host", "pid", "resumed",
                "space_digest", "study"),
    "workers": ("num_workers",),
    "begun": ("digest", "latency_ms", "trial", "zoo"),
    "resumed": ("digest", "trial"),
    "rung": ("cached", "psnr_float_db", "psnr_int8_db", "steps", "train_s", "trial"),
    "finished": ("cached_rungs", "digest", "latency_ms", "psnr_float_db", "psnr_int8_db", "score",
                 "steps", "train_s", "trial"),
    "refused": ("digest", "kind", "reason", "trial"),
    "failed": ("digest", "kind", "reason", "trial"),
    "gave_way": ("reason", "trial"),
    "lost": ("trial",),
    "retried": ("reason", "retry", "trial"),
    "exhausted": ("num_finished",),
    "late": ("num_finished",),
    "finalists": ("trials",),
    "ended": ("reason", "seconds", "why"),
}  # fmt: skip
_NAME = "log.jsonl"


class Log:
    """Appends to the log of a run.

    Each line is on the disk, as far as this process is concerned, before `write` returns. A last
    line that a kill cut off stays as it is, and what is written next begins on a line of its own.

    Args:
        run: Its folder.
        storage: URL of its study, whose password no reason may repeat.
    """

    def __init__(self, run: Path, storage: str | None = None) -> None:
        self._file = run / _NAME
        self._storage = storage or ""

    @property
    def is_new(self) -> bool:
        """Whether nothing was written yet."""
        return not self._file.exists()

    def write(self, event: str, **facts: Any) -> None:
        """One event with its facts, of which `EVENTS` has the names.

        The time is that of this machine, in UTC.
        """
        if "reason" in facts:
            facts["reason"] = without_secrets(facts["reason"], self._storage)
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": now, "event": event, **facts})
        with self._file.open("ab+") as file:
            begin = "\n" if _is_cut_off(file) else ""
            file.write(f"{begin}{line}\n".encode())


def _is_cut_off(file: Any) -> bool:
    """Whether the last line has no end."""
    if not file.seek(0, os.SEEK_END):
        return False
    file.seek(-1, os.SEEK_END)
    return bool(file.read(1) != b"\n")
