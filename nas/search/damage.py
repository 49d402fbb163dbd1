"""What a damaged or manipulated run folder causes, in one line that says where."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nas.errors import RunError

__all__ = ["readable"]

_CAUSED = (ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, RuntimeError)


@contextmanager
def readable(run: Path) -> Iterator[None]:
    """Turns what was not foreseen in the files of a run into a `RunError`.

    Readers of single values refuse what is wrong with them in words; of the rest there are too many
    combinations to foresee. Not for a search that has only begun: what goes wrong there is ours.
    """
    try:
        yield
    except (*_CAUSED, TypeError, ValueError) as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise RunError(
            f"{run} is damaged, or of another version: {said} ({Path(frame.filename).name}, "
            f"line {frame.lineno})",
            "put back the files that `nas search` wrote, or start another run",
        ) from error
