"""The trials of a run as a table, and its front: no other network is both better and faster."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from nas.search.limits import PSNR_CONSTRAINT

__all__ = ["COLUMNS", "TEXTS", "front", "fully_trained", "spread", "trials_table"]

COLUMNS = (
    "number",
    "state",
    "digest",
    "zoo",
    "psnr_int8_db",
    "psnr_float_db",
    "latency_ms",
    "latency_low_ms",
    "latency_high_ms",
    "latency_novelty",
    "score",
    "score_low",
    "score_high",
    "score_ratio",
    "steps",
    "lacking_db",
    "parameters",
    "macs",
    "size_kib",
    "memory_mb",
    "train_s",
    "quantize_s",
    "evaluate_s",
    "cached_rungs",
    "reused",
    "reason",
    "readings",
    "network",
)  # fmt: skip
TEXTS = ("state", "digest", "zoo", "reused", "reason", "readings", "network")


def trials_table(study: Study) -> pd.DataFrame:
    """One row per trial, by number; `score_ratio` is to the best fully trained zoo network.

    Cells that do not apply are NaN, or "" in columns of text.
    """
    trials = study.get_trials(deepcopy=False)
    table = pd.DataFrame([_row(trial) for trial in trials], columns=list(COLUMNS))
    numbers = [column for column in COLUMNS if column not in TEXTS]
    table[numbers] = table[numbers].apply(pd.to_numeric)
    zoo = table[(table["zoo"] != "") & _is_full(table)]
    table["score_ratio"] = table["score"] / zoo["score"].max()
    return table


def fully_trained(table: pd.DataFrame) -> pd.DataFrame:
    """Networks that trained to the end, and lack no quality; where all do, the closest one."""
    full = table[_is_full(table)]
    return full[full["lacking_db"] <= full["lacking_db"].min()]


def front(table: pd.DataFrame) -> pd.DataFrame:
    """Of the fully trained networks those that no other one beats in PSNR and latency.

    The fastest is first.
    """
    full = fully_trained(table).sort_values(
        ["latency_ms", "psnr_int8_db", "number"], ascending=[True, False, True]
    )
    best_before = full["psnr_int8_db"].cummax().shift(fill_value=float("-inf"))
    return full[full["psnr_int8_db"] > best_before]


def spread(numbers: Sequence[int], cap: int) -> list[int]:
    """At most `cap` of `numbers`, evenly along them, with both ends.

    Example:
        >>> spread([1, 2, 3, 4, 5, 6, 7], 3)
        [1, 4, 7]
    """
    if len(numbers) <= cap:
        return list(numbers)
    if cap < 2:
        return list(numbers[:cap])
    return [numbers[round(i * (len(numbers) - 1) / (cap - 1))] for i in range(cap)]


def _is_full(table: pd.DataFrame) -> Any:
    complete = table["state"] == TrialState.COMPLETE.name
    return complete & (table["steps"] == table.loc[complete, "steps"].max())


def _row(trial: FrozenTrial) -> dict[str, Any]:
    row = {column: trial.user_attrs.get(column, "" if column in TEXTS else None)
           for column in COLUMNS}  # fmt: skip
    row |= {"number": trial.number, "state": trial.state.name}
    if trial.state == TrialState.COMPLETE:
        row["psnr_int8_db"], row["latency_ms"] = trial.values
        row["lacking_db"] = max(0.0, trial.constraints.get(PSNR_CONSTRAINT, 0.0))
    return row
