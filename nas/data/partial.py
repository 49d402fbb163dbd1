"""What has arrived of a file: its beginning in `<name>.part`, and of which version of the file."""

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from nas.data.disk import writing

__all__ = ["Partial"]


class Partial:
    """The beginning of `target`.

    `<name>.part.json` holds what the server calls the version that it began with, so that a later
    run goes on only with the same one.

    Args:
        url: Where the file comes from; a beginning from elsewhere is dropped.
        target: What the whole file will be called; its folder is made.
        is_checked: A checksum will tell whether the beginning was of the right file.

    Raises:
        DataError: The disk refuses.
    """

    def __init__(self, url: str, target: Path, *, is_checked: bool) -> None:
        self.url, self.target, self._is_checked = url, target, is_checked
        self.file = target.with_name(f"{target.name}.part")
        self._note = target.with_name(f"{target.name}.part.json")
        self.version = ""
        with writing(target.parent):
            target.parent.mkdir(parents=True, exist_ok=True)
        noted: Any = None
        with suppress(OSError, ValueError):
            noted = json.loads(self._note.read_text(encoding="utf-8"))
        if isinstance(noted, dict) and noted.get("url") == url:
            self.version = str(noted.get("version", ""))
        else:
            self.drop()

    @property
    def size(self) -> int:
        """Bytes that have arrived."""
        return self.file.stat().st_size if self.file.is_file() else 0

    @property
    def resumes_at(self) -> int:
        """From which byte to go on; from the first if nothing told that the file had changed."""
        return self.size if self.version or self._is_checked else 0

    def begin(self, version: str) -> None:
        """Forgets what is there, before the first byte of a version."""
        self.drop()
        self.version = version
        with writing(self._note):
            note = json.dumps({"url": self.url, "version": version})
            self._note.write_text(note, encoding="utf-8")

    def append(self, chunks: Iterable[bytes]) -> None:
        """Writes the chunks behind what is there, each as soon as it comes."""
        with writing(self.file), self.file.open("ab") as stream:
            for chunk in chunks:
                stream.write(chunk)

    def drop(self) -> None:
        """Forgets everything."""
        self.version = ""
        with writing(self.file):
            self.file.unlink(missing_ok=True)
            self._note.unlink(missing_ok=True)

    def finish(self) -> None:
        """Gives the file its name."""
        with writing(self.target):
            self.file.replace(self.target)
            self._note.unlink(missing_ok=True)
