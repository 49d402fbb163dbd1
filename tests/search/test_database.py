"""Trials and what they say are written at once, and as Optuna would, in every kind of storage."""

import math
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from pathlib import Path

import optuna
import pytest
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState
from sqlalchemy import event

from nas.search.database import create_trial, set_attributes
from nas.search.parameters import distributions_of, parameters_of
from nas.search.storage import opened_storage
from nas.space import load_space
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


def as_optuna_makes(url: str) -> None:
    """A trial of ours beside one of Optuna's: all but id, number and moment are the same."""
    space = load_space("hxnet")
    pick = space.check(space.known["XCAT"])
    template = optuna.trial.create_trial(
        state=TrialState.PRUNED,
        params=parameters_of(space.choices, pick),
        distributions=distributions_of(space.choices, pick),
        user_attrs={"digest": "a", "least": -math.inf},
        system_attrs={"constraints": [1.0, 0.0]},
    )
    with opened_storage(url) as storage:
        study = optuna.create_study(storage=storage)
        study.add_trial(template)
        ours = copy(template)
        create_trial(study._storage, study._study_id, ours)
        first, second = study.get_trials()
    assert (ours.number, ours._trial_id) == (second.number, second._trial_id) == (1, ours._trial_id)
    for name in ("state", "params", "distributions", "user_attrs", "system_attrs", "values"):
        assert getattr(first, name) == getattr(second, name)
    assert second.datetime_start == template.datetime_start
    assert second.datetime_complete == template.datetime_complete


def test_trials_are_as_optuna_makes_them_in_sqlite(tmp_path: Path) -> None:
    as_optuna_makes(f"sqlite:///{tmp_path}/study.db")


def test_trials_are_as_optuna_makes_them_in_postgresql(postgres: Server) -> None:
    as_optuna_makes(postgres.new_database())


def test_trials_are_as_optuna_makes_them_in_a_journal(tmp_path: Path) -> None:
    as_optuna_makes(f"journal:{tmp_path}/study.log")


def test_searches_that_make_trials_at_once_number_them_in_a_row(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    with opened_storage(url) as storage:
        optuna.create_study(storage=storage, study_name="s")

    def make(_: int) -> list[int]:
        numbers = []
        with opened_storage(url) as storage:
            study = optuna.load_study(study_name="s", storage=storage)
            for _ in range(20):
                template = optuna.trial.create_trial(state=TrialState.PRUNED)
                create_trial(study._storage, study._study_id, template)
                numbers.append(template.number)
        return numbers

    with ThreadPoolExecutor(3) as searches:
        found = [number for numbers in searches.map(make, range(3)) for number in numbers]
    assert sorted(found) == list(range(60))


def test_sqlite_writes_all_in_one_transaction(tmp_path: Path) -> None:
    assert written(f"sqlite:///{tmp_path}/study.db") == (1, FIRST | THEN)


def test_postgresql_writes_all_in_one_transaction(postgres: Server) -> None:
    assert written(postgres.new_database()) == (1, FIRST | THEN)


def test_journal_has_the_same(tmp_path: Path) -> None:
    assert written(f"journal:{tmp_path}/study.log") == (0, FIRST | THEN)
