"""Whether a run holds what it says: the study, the table and the files must agree."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from optuna.study import Study
from optuna.trial import TrialState

from nas.errors import UserError
from nas.quantize.stored import load_stored
from nas.search.config import SearchConfig, read_config, storage_of
from nas.search.crops import details_file
from nas.search.damage import readable
from nas.search.folder import is_locked
from nas.search.front import trials_table
from nas.search.storage import opened_storage, storage_url
from nas.search.study import existing_study
from nas.search.trial_folder import left_over_states, trial_folder
from nas.search.trials_file import NAME, read_trials

__all__ = ["check_run"]


def check_run(run: Path, *, storage: str | None = None) -> list[str]:
    """What is wrong with a run, in one line each; nothing where all agrees.

    Args:
        run: Its folder.
        storage: URL of the study, where it is not in the run folder.

    Raises:
        RunError: No run there, or a storage that does not answer.
    """
    config, facts = read_config(run)
    driver = str(facts.get("driver", ""))
    with opened_storage(storage_url(storage_of(config.storage, storage, run), run)) as opened:
        study = existing_study(opened, str(facts.get("study", run.resolve().name)))
        with readable(run):
            table = trials_table(study)
            return [
                *_study_findings(table, config, is_busy=is_locked(run)),
                *_table_findings(run, table, _mine(study, driver)),
                *_file_findings(run, study, driver),
                *_finalist_findings(run, table),
            ]


def _study_findings(table: pd.DataFrame, config: SearchConfig, *, is_busy: bool) -> Iterator[str]:
    done = table[table["state"] == "COMPLETE"]
    for digest, count in Counter(done["digest"]).items():
        if count > 1:
            numbers = ", ".join(map(str, done[done["digest"] == digest]["number"]))
            yield f"network {digest} was trained {count} times, by trials {numbers}"
    num_own = int((done["reused"] == "").sum())
    if num_own > config.budget:
        yield f"{num_own} networks are finished, the budget was {config.budget}"
    if not is_busy:
        for number in table[table["state"] == "RUNNING"]["number"]:
            yield f"trial {number} is running and no search is: resume the run"


def _mine(study: Study, driver: str) -> set[int]:
    """Trials that the table of a run must have: all, or its own where others went on after it."""
    drivers = {
        trial.number: trial.user_attrs.get("driver") for trial in study.get_trials(deepcopy=False)
    }
    if set(drivers.values()) <= {None, driver}:
        return set(drivers)
    return {number for number, whose in drivers.items() if whose == driver}


def _table_findings(run: Path, table: pd.DataFrame, mine: set[int]) -> Iterator[str]:
    file = run / NAME
    if not file.is_file():
        yield f"{NAME} is not there"
        return
    kept = read_trials(run)
    both = [set(zip(t["number"], t["state"], t["digest"], strict=True)) for t in (kept, table)]
    of_others = set(table["number"]) - mine
    differ = [row for row in sorted(both[0] ^ both[1]) if row[0] not in of_others]
    for number, state, digest in differ[:5]:
        where = "the study" if (number, state, digest) in both[1] else NAME
        yield f"only {where} has trial {number} as {state} {digest}"


def _file_findings(run: Path, study: Study, driver: str) -> Iterator[str]:
    for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        if trial.user_attrs.get("driver") != driver or not driver:
            continue  # its files are where it was trained
        folder = trial_folder(run, trial.number)
        try:
            digest = load_stored(folder).graph.digest
        except (OSError, UserError) as error:
            yield f"trial {trial.number} has no network: {' '.join(str(error).split())}"
            continue
        if digest != trial.user_attrs["digest"]:
            yield f"the network in {folder} is {digest}, not {trial.user_attrs['digest']}"
        if not details_file(run, trial.number).is_file():
            yield f"trial {trial.number} has no crops"
        if states := left_over_states(run, trial.number):
            yield f"trial {trial.number} is finished and left {', '.join(states)}"


def _finalist_findings(run: Path, table: pd.DataFrame) -> Iterator[str]:
    done = set(table[table["state"] == "COMPLETE"]["number"])
    for folder in sorted((run / "finalists").glob("[0-9]*")):
        if int(folder.name) not in done:
            yield f"finalist {folder.name} is no finished trial"
        if not (folder / "result.json").is_file():
            yield f"finalist {folder.name} has no result.json"
