"""Minutes of a run's trials, out of its study."""

import sqlite3
from contextlib import closing

import optuna
import pytest

from nas.report.clock import minutes_of


def test_minutes_count_from_the_first_start(make_run):
    run = make_run()
    with closing(sqlite3.connect(run / "study.db")) as study, study:
        study.execute(
            "UPDATE trials SET datetime_start = '2026-01-01 10:00:00.000000', "
            "datetime_complete = '2026-01-01 10:03:00' WHERE number = 0"
        )
        study.execute(
            "UPDATE trials SET datetime_start = '2026-01-01 10:01:00', "
            "datetime_complete = '2026-01-01 11:00:30.000000' WHERE number != 0"
        )
    minutes = minutes_of(run)
    assert minutes[0] == 3
    assert minutes[1] == 60.5
    study = optuna.load_study(study_name=run.name, storage=f"sqlite:///{run / 'study.db'}")
    done = [t.number for t in study.trials if t.state == optuna.trial.TrialState.COMPLETE]
    assert list(minutes.index) == done


@pytest.mark.parametrize("content", [None, b"", b"no database"])
def test_no_study_is_no_error(make_run, content):
    run = make_run()
    (run / "study.db").unlink()
    if content is not None:
        (run / "study.db").write_bytes(content)
    assert minutes_of(run) is None


def test_several_studies_in_one_file_are_not_told_apart(make_run):
    run = make_run()
    other = optuna.create_study(storage=f"sqlite:///{run / 'study.db'}", study_name="other")
    other.optimize(lambda trial: 0.0, n_trials=1)
    assert minutes_of(run) is None
