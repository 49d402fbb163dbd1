"""What a trial says of itself is written at once, in every kind of storage."""

import math
from pathlib import Path

import optuna
import pytest
from optuna.exceptions import UpdateFinishedTrialError
from sqlalchemy import event

from nas.search.attributes import set_attributes
from nas.search.storage import opened_storage
from tests.postgres import Server, postgres

__all__ = ["postgres"]

FIRST = {"score": 2.0, "readings": "[]", "least": -math.inf}
THEN = {"score": 3.0, "zoo": 'a "b" é'}


def written(url: str) -> tuple[int, dict[str, object]]:
    """Transactions of the second call, and what the study says then."""
    with opened_storage(url) as storage:
        study = optuna.create_study(storage=storage)
        trial = study.ask()
        set_attributes(storage, trial._trial_id, FIRST)
        commits = []
        if engine := getattr(storage, "engine", None):
            event.listen(engine, "commit", commits.append)
        set_attributes(storage, trial._trial_id, THEN)
        counted = len(commits)
        study.tell(trial, 1.0)
        with pytest.raises(UpdateFinishedTrialError):
            set_attributes(storage, trial._trial_id, FIRST)
    with opened_storage(url) as storage:
        (study_name,) = optuna.get_all_study_names(storage)
        (found,) = optuna.load_study(study_name=study_name, storage=storage).trials
        return counted, found.user_attrs


def test_sqlite_writes_all_in_one_transaction(tmp_path: Path) -> None:
    assert written(f"sqlite:///{tmp_path}/study.db") == (1, FIRST | THEN)


def test_postgresql_writes_all_in_one_transaction(postgres: Server) -> None:
    assert written(postgres.new_database()) == (1, FIRST | THEN)


def test_journal_has_the_same(tmp_path: Path) -> None:
    assert written(f"journal:{tmp_path}/study.log") == (0, FIRST | THEN)
