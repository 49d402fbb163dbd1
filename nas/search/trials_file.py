"""`trials.csv` of a run folder: a row a trial, see `nas.search.front`."""

import math
from pathlib import Path

import pandas as pd

from nas.errors import RunError
from nas.search.front import COLUMNS, TEXTS

__all__ = ["NAME", "read_trials"]

NAME = "trials.csv"
# Columns that runs of before lack.
_LATER = (
    "latency_novelty",
    "cached_rungs",
    "lacking_db",
    "size_kib",
    "memory_mb",
    "reused",
    "readings",
)


def read_trials(run: Path) -> pd.DataFrame:
    """The table of a run: text as text, all else numbers, NaN where there is none.

    Raises:
        RunError: There is none yet, or it is not what `nas search` writes.
    """
    file = run / NAME
    hint = "resume the search to write it"
    try:
        table = pd.read_csv(file, keep_default_na=False, dtype=dict.fromkeys(TEXTS, str))
    except FileNotFoundError:
        raise RunError(
            f"run {run} has no {NAME} yet", f"wait for it, or nas search --run {run} --resume"
        ) from None
    except OSError as error:
        raise RunError(
            f"{file} cannot be read: {error.strerror}", "give a run that you may read"
        ) from None
    except ValueError as error:
        raise RunError(f"{file} is no table: {error}", hint) from None
    if absent := [name for name in COLUMNS if name not in table and name not in _LATER]:
        raise RunError(f"{file} lacks {', '.join(absent)}", hint)
    later = {name: "" if name in TEXTS else math.nan for name in _LATER if name not in table}
    table = table.assign(**later)
    numbers = [name for name in COLUMNS if name not in TEXTS]
    table[numbers] = table[numbers].apply(pd.to_numeric, errors="coerce")
    if table["number"].isna().any():
        raise RunError(f"{file} has trials without a number", hint)
    return table.astype({"number": int}).fillna({"lacking_db": 0.0})
