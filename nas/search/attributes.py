"""What a trial says of itself, in few statements where the study is in a database.

Optuna's own calls are a transaction, which waits for the disk, and two statements an attribute, and
read the whole trial for its number.
"""

import json
from collections.abc import Mapping
from typing import Any

from optuna.storages import BaseStorage, RDBStorage
from optuna.storages._rdb.models import TrialModel, TrialUserAttributeModel
from optuna.storages._rdb.storage import _create_scoped_session
from sqlalchemy import delete, insert

__all__ = ["number_of", "set_attributes"]


def number_of(storage: BaseStorage, trial_id: int) -> int:
    """Of a trial in its study."""
    database = getattr(storage, "_backend", storage)  # Optuna keeps a cache before it
    if not isinstance(database, RDBStorage):
        return storage.get_trial_number_from_id(trial_id)
    with _create_scoped_session(database.scoped_session) as session:
        return int(TrialModel.find_or_raise_by_id(trial_id, session).number)


def set_attributes(storage: BaseStorage, trial_id: int, attributes: Mapping[str, Any]) -> None:
    """Sets what a trial says of itself, beside its values.

    Args:
        storage: Of the study.
        trial_id: In the storage.
        attributes: Values that JSON has.

    Raises:
        UpdateFinishedTrialError: The trial is finished.
    """
    database = getattr(storage, "_backend", storage)
    if not isinstance(database, RDBStorage):
        for name, value in attributes.items():
            storage.set_trial_user_attr(trial_id, name, value)
        return
    model = TrialUserAttributeModel
    rows = [
        {"trial_id": trial_id, "key": name, "value_json": json.dumps(value)}
        for name, value in attributes.items()
    ]
    with _create_scoped_session(database.scoped_session) as session:
        trial = TrialModel.find_or_raise_by_id(trial_id, session)
        database.check_trial_is_updatable(trial_id, trial.state)  # type: ignore[arg-type]
        session.execute(delete(model).where(model.trial_id == trial_id, model.key.in_(attributes)))
        session.execute(insert(model), rows)
