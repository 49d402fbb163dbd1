"""Trials in few statements, where the study is in a database.

Optuna's own calls take two statements a parameter and an attribute, and a transaction, which waits
for the disk, an attribute: with a server on the network that is most of what a search costs. Other
storages are asked as Optuna does.
"""

import json
import random
import time
from collections.abc import Mapping
from typing import Any

from optuna.distributions import distribution_to_json
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, RDBStorage
from optuna.storages._rdb import models
from optuna.storages._rdb.storage import _create_scoped_session
from optuna.trial import FrozenTrial
from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

__all__ = ["create_trial", "set_attributes"]

_TRIES = 5  # of several searches that write at the same moment, one has to try again
_WAIT_S = 1.0


def create_trial(storage: BaseStorage, study_id: int, template: FrozenTrial) -> None:
    """Makes a trial without values in one transaction; `template` gets its id and number.

    Args:
        storage: Of the study.
        study_id: In the storage.
        template: Parameters, attributes and state.
    """
    database = _database(storage)
    if database is None or template.values:
        template._trial_id = storage.create_new_trial(study_id, template_trial=template)
        template.number = storage.get_trial_number_from_id(template._trial_id)
        return
    for left in reversed(range(_TRIES)):
        try:
            with _create_scoped_session(database.scoped_session) as session:
                template._trial_id, template.number = _insert(session, study_id, template)
            return
        except StorageInternalError:
            if not left:
                raise
            time.sleep(random.random() * _WAIT_S)


def set_attributes(storage: BaseStorage, trial_id: int, attributes: Mapping[str, Any]) -> None:
    """Sets what a trial says of itself, beside its values, in one transaction.

    Args:
        storage: Of the study.
        trial_id: In the storage.
        attributes: Values that JSON has.

    Raises:
        UpdateFinishedTrialError: The trial is finished.
    """
    database = _database(storage)
    if database is None:
        for name, value in attributes.items():
            storage.set_trial_user_attr(trial_id, name, value)
        return
    model = models.TrialUserAttributeModel
    with _create_scoped_session(database.scoped_session) as session:
        trial = models.TrialModel.find_or_raise_by_id(trial_id, session)
        database.check_trial_is_updatable(trial_id, trial.state)  # type: ignore[arg-type]
        session.execute(delete(model).where(model.trial_id == trial_id, model.key.in_(attributes)))
        session.execute(insert(model), _attribute_rows(trial_id, attributes))


def _database(storage: BaseStorage) -> RDBStorage | None:
    """Optuna keeps a cache before it."""
    found = getattr(storage, "_backend", storage)
    return found if isinstance(found, RDBStorage) else None


def _insert(session: Session, study_id: int, template: FrozenTrial) -> tuple[int, int]:
    """Id and number; the study is locked, so that no other search gets the same number."""
    models.StudyModel.find_or_raise_by_id(study_id, session, for_update=True)
    trial = models.TrialModel(
        study_id=study_id,
        number=None,
        state=template.state,
        datetime_start=template.datetime_start,
        datetime_complete=template.datetime_complete,
    )
    session.add(trial)
    session.flush()
    trial_id = int(trial.trial_id)
    parameters = [
        {
            "trial_id": trial_id,
            "param_name": name,
            "param_value": distribution.to_internal_repr(template.params[name]),
            "distribution_json": distribution_to_json(distribution),
        }
        for name, distribution in template.distributions.items()
    ]
    for model, rows in (
        (models.TrialParamModel, parameters),
        (models.TrialUserAttributeModel, _attribute_rows(trial_id, template.user_attrs)),
        (models.TrialSystemAttributeModel, _attribute_rows(trial_id, template.system_attrs)),
    ):
        if rows:
            session.execute(insert(model), rows)
    trial.number = trial.count_past_trials(session)
    session.add(trial)
    return trial_id, int(trial.number)


def _attribute_rows(trial_id: int, attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"trial_id": trial_id, "key": name, "value_json": json.dumps(value)}
        for name, value in attributes.items()
    ]
