"""A search as TensorBoard shows it: each trial a run, and the search itself one more."""

from pathlib import Path
from typing import TYPE_CHECKING

from nas.cli.progress import Shown

if TYPE_CHECKING:
    from nas.search.events import Progress, Reading, Status
    from nas.train.scalars import Scalars

__all__ = ["Board"]


class Board:
    """Writes scalars, and hands all it hears on to who shows it on stderr.

    Args:
        shown: Who else listens.
        folder: That TensorBoard is to show.
    """

    def __init__(self, shown: Shown, folder: Path) -> None:
        self._shown = shown
        self._folder = folder
        self._trials: dict[int, Scalars] = {}
        self._search = self._scalars("search")
        self._num_finished = -1

    def note(self, text: str) -> None:
        self._shown.note(text)

    def reading(self, reading: "Reading") -> None:
        trial = reading.trial
        scalars = self._trials.setdefault(trial, self._scalars(f"trial-{trial}"))
        values = {"psnr_db/float": reading.psnr_float_db, "psnr_db/int8": reading.psnr_int8_db}
        scalars.write(reading.steps, values)
        self._shown.reading(reading)

    def progress(self, progress: "Progress") -> None:
        last = progress.last
        if scalars := self._trials.pop(last.trial, None):
            scalars.write(last.steps, {"latency_ms": last.latency_ms, "score": last.score})
        self._shown.progress(progress)

    def status(self, status: "Status") -> None:
        if status.best and status.num_finished != self._num_finished:
            self._num_finished = status.num_finished
            values = {"best_score": status.best.score, "trained_an_hour": status.per_hour}
            self._search.write(status.num_finished, values)
        self._shown.status(status)

    def __enter__(self) -> "Board":
        self._shown.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._shown.__exit__(None, None, None)

    def _scalars(self, name: str) -> "Scalars":
        from nas.train.scalars import Scalars

        return Scalars(self._folder / name)
