"""When the trials of a run were finished, from its study."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd

__all__ = ["minutes_of"]

_QUERY = "SELECT number, datetime_start, datetime_complete FROM trials WHERE state = 'COMPLETE'"


def minutes_of(run: Path) -> "pd.Series[float] | None":
    """Minutes from the first start to the end of each trial, by its number.

    Asked of the file itself: Optuna would read all attributes of all trials, which takes long for
    thousands. None where the study lies elsewhere or has no such table.
    """
    file = (run / "study.db").resolve()
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as study:
            rows = pd.DataFrame(study.execute(_QUERY), columns=["number", "start", "end"])
        rows = rows.dropna().set_index("number")
        start, end = (pd.to_datetime(rows[name], format="ISO8601") for name in ("start", "end"))
    except (sqlite3.Error, ValueError):
        return None
    if rows.empty or rows.index.has_duplicates:  # several studies in one file
        return None
    return (end - start.min()).dt.total_seconds() / 60
