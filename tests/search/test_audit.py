"""`nas runs check`: each way in which a run can lie is found."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from optuna.trial import TrialState

from nas.graph import to_text
from nas.search.audit import check_run
from nas.search.config import SearchConfig
from nas.search.crops import details_file
from nas.search.events import Silent
from nas.search.run import start
from nas.search.storage import opened_storage, storage_url
from nas.search.study import existing_study
from nas.search.trial_folder import trial_folder
from nas.zoo import zoo_graph

RUN = Path("runs/r")


@pytest.fixture
def run(images: str) -> Path:
    config = SearchConfig(budget=4, data=images)
    start(config, name="r", watch=Silent(), bench="tests.search.fakes:Steady")
    assert check_run(RUN) == []
    return RUN


def lose_network(run: Path) -> None:
    shutil.rmtree(trial_folder(run, 1))


def swap_network(run: Path) -> None:
    (trial_folder(run, 1) / "graph.txt").write_text(to_text(zoo_graph("IMDN-x3")) + "\n")


def lose_crops(run: Path) -> None:
    details_file(run, 1).unlink()


def leave_state(run: Path) -> None:
    (trial_folder(run, 1) / "state-100.safetensors").write_bytes(b"x")


def change_table(run: Path) -> None:
    table = run / "trials.csv"
    table.write_text(table.read_text().replace("COMPLETE", "FAIL", 1))


def lose_result(run: Path) -> None:
    next((run / "finalists").glob("*/result.json")).unlink()


def leave_running(run: Path) -> None:
    with opened_storage(storage_url(None, run)) as storage:
        study = existing_study(storage, "r")
        storage.create_new_trial(study._study_id)


def train_twice(run: Path) -> None:
    with opened_storage(storage_url(None, run)) as storage:
        study = existing_study(storage, "r")
        (first, *_) = study.get_trials(states=(TrialState.COMPLETE,))
        study.add_trial(first)


HARMS: list[tuple[Callable[[Path], None], str]] = [
    (lose_network, "trial 1 has no network"),
    (swap_network, "trial 1 has no network|the network in .* is"),
    (lose_crops, "trial 1 has no crops"),
    (leave_state, "trial 1 is finished and left state-100.safetensors"),
    (change_table, "only the study has trial 0 as COMPLETE"),
    (lose_result, r"finalist \d+ has no result.json"),
    (leave_running, "trial 4 is running and no search is: resume the run"),
    (train_twice, "was trained 2 times, by trials 0, 4"),
    (train_twice, "5 networks are finished, the budget was 4"),
]


@pytest.mark.parametrize(("harm", "finding"), HARMS)
def test_harm_is_found(run: Path, harm: Callable[[Path], None], finding: str) -> None:
    harm(run)
    assert any(re.search(finding, found) for found in check_run(run)), check_run(run)
