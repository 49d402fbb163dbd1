"""The files that the dashboard shows of a trial, made when somebody looks at them.

A name is all that the outside gives; what goes into a file comes from the trial itself and, by its
number, from the run folder.
"""

from collections.abc import Mapping
from pathlib import Path
from uuid import UUID, uuid5

from optuna.trial import FrozenTrial

from nas.errors import NasError
from nas.graph import parse_text
from nas.readers.draw import draw_svg
from nas.report.curve import curve_svg
from nas.report.detail_image import detail_png, has_details
from nas.search.study import measured_of

__all__ = ["DRAWING", "TYPES", "TrialFiles"]

DRAWING = "network.svg"
_TEXT, _CURVE, _CROPS = "network.txt", "curve.svg", "crops.png"
TYPES: Mapping[str, str] = {
    DRAWING: "image/svg+xml",
    _CROPS: "image/png",
    _CURVE: "image/svg+xml",
    _TEXT: "text/plain; charset=utf-8",
}
_SPACE = UUID("6a2f7b52-6d0a-4c1e-9f0b-0f6d3c1a8e57")  # of names, for `uuid5`; any would do


class TrialFiles:
    """Which files the trials of a run have, and what is in them."""

    def __init__(self, run: Path) -> None:
        self._run = run

    def ids(self, trial: FrozenTrial) -> dict[str, str]:
        """Name and identifier of each file of a trial, in the order in which they are shown."""
        attributes = trial.user_attrs
        there = {
            DRAWING: bool(attributes.get("network")),
            _CROPS: trial.state.is_finished() and has_details(self._run, trial.number),
            _CURVE: bool(measured_of(attributes).readings),
            _TEXT: bool(attributes.get("network")),
        }
        return {name: _id(trial.number, name) for name, is_there in there.items() if is_there}

    def read(self, trial: FrozenTrial, identifier: str) -> tuple[str, bytes] | None:
        """Media type and content of a file; None where there is none, or it cannot be made."""
        name = next((n for n in TYPES if _id(trial.number, n) == identifier), "")
        if not name:
            return None
        try:
            return TYPES[name], self._content(trial, name)
        except (NasError, OSError, ValueError, KeyError, SyntaxError):
            return None  # a run of another version, or files that somebody damaged

    def _content(self, trial: FrozenTrial, name: str) -> bytes:
        if name == _CROPS:
            return detail_png(self._run, trial.number)
        if name == _CURVE:
            return curve_svg(measured_of(trial.user_attrs).readings).encode()
        network = str(trial.user_attrs["network"])
        if name == _TEXT:
            return f"{network.replace('; ', chr(10))}\n".encode()
        return draw_svg(parse_text(network)).encode()


def _id(number: int, name: str) -> str:
    return str(uuid5(_SPACE, f"{number}/{name}"))
