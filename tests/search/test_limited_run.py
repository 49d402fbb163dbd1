"""Whole runs under limits: the size of the file, memory, and the quality that is demanded."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import pytest

from nas.errors import RunError
from nas.latency.devices import load_device
from nas.search.audit import check_run
from nas.search.config import SearchConfig
from nas.search.events import Silent
from nas.search.history import read_details
from nas.search.limits import PSNR_CONSTRAINT
from nas.search.retarget import retarget
from nas.search.run import RunResult, resume, start
from tests.search.boards import SMALL_SPACE
from tests.search.conftest import images_in

FAKES = f"{__name__.rpartition('.')[0]}.fakes"
NEW = ("max_size_kib", "max_memory_mb", "min_psnr_db")


def search(images: str, name: str = "r", fake: str = "Steady", **changes: Any) -> RunResult:
    config = SearchConfig(**{"budget": 6, "data": images, **changes})
    return start(config, name=name, watch=Silent(), bench=f"{FAKES}:{fake}")


def complete(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["state"] == "COMPLETE"]


def trials_of(name: str) -> list[optuna.trial.FrozenTrial]:
    study = optuna.load_study(study_name=name, storage=f"sqlite:///runs/{name}/study.db")
    return study.trials


@pytest.mark.parametrize(
    ("asked", "column", "kind"),
    [({"max_size_kib": 40.0}, "size_kib", "KiB"), ({"max_memory_mb": 20.0}, "memory_mb", "MB")],
)
def test_networks_over_a_limit_are_refused_and_cost_no_budget(
    images: str, asked: dict[str, float], column: str, kind: str
) -> None:
    (limit,) = asked.values()
    result = search(images, budget=4, sampler="random", **asked)
    refused = result.table["reason"].str.contains(f"{kind} is over the limit of {limit:g} {kind}")
    assert refused.any()
    assert set(result.table[refused]["state"]) == {"PRUNED"}
    assert len(complete(result.table)) == 4
    assert complete(result.table)[column].max() <= limit
    assert result.best["over_limits"] == []


def test_a_size_that_nothing_has_names_the_smallest_and_leaves_nothing(images: str) -> None:
    Path("small.py").write_text(SMALL_SPACE)
    with pytest.raises(RunError) as caught:
        search(images, space="small.py", max_size_kib=1.0)
    assert "the smallest file of a network seen may have " in caught.value.message
    assert caught.value.hint == "raise --max-size-kib, or choose another space"
    assert not Path("runs").exists()


@dataclass(frozen=True)
class Free:
    """A run without limits.

    Args:
        folder: Of the run, on the images of the test.
        middle_db: A PSNR that some networks of its front reach, and some do not.
    """

    folder: Path
    middle_db: float


@pytest.fixture(scope="module")
def free(tmp_path_factory: pytest.TempPathFactory) -> Free:
    home = tmp_path_factory.mktemp("free")
    result = search(images_in(home), str(home / "free"))
    members = result.front["psnr_int8_db"]
    return Free(home / "free", float(members.iloc[[0, -1]].mean()))


@pytest.mark.parametrize("sampler", ["auto", "tpe"])
def test_the_winner_has_the_quality_that_is_demanded(images: str, free: Free, sampler: str) -> None:
    least_db = free.middle_db
    result = search(images, min_psnr_db=least_db, sampler=sampler)
    assert result.front["psnr_int8_db"].min() >= least_db
    assert result.best["psnr_litert_int8_db"] >= least_db
    assert result.best["over_limits"] == []
    done = complete(result.table)
    assert (done["psnr_int8_db"] < least_db).any(), "some were trained, and are not good enough"
    for trial in trials_of("r"):
        if trial.state == optuna.trial.TrialState.COMPLETE:
            assert trial.constraints[PSNR_CONSTRAINT] == least_db - trial.values[0]
    assert not check_run(Path("runs/r"))


def test_a_quality_that_nothing_reaches_ends_with_the_closest(images: str) -> None:
    result = search(images, min_psnr_db=60.0)
    done = complete(result.table)
    full = done[done["steps"] == done["steps"].max()]
    closest = full.sort_values("psnr_int8_db").iloc[-1]
    assert list(result.front["number"]) == [closest["number"]]
    assert result.best["trial"] == closest["number"]
    assert result.best["lacking_db"] == 60.0 - result.best["psnr_litert_int8_db"]
    (told,) = result.best["over_limits"]
    assert told.endswith("dB is under the limit of 60 dB")
    assert json.loads(Path("runs/r/best/result.json").read_text())["over_limits"] == [told]


def test_the_file_of_a_winner_is_weighed(images: str) -> None:
    result = search(images, fake="Heavy", budget=12, max_size_kib=60.0)
    lightest = [f["trial"] for f in result.finalists if not f["over_limits"]]
    assert lightest, "the published one is light"
    assert result.best["trial"] == lightest[0]
    heavy = result.finalists[len(lightest) :]
    assert heavy[0]["score"] > result.best["score"]
    assert {*map(tuple, (each["over_limits"] for each in heavy))} == {
        ("61.0 KiB is over the limit of 60 KiB",)
    }


def test_a_run_without_these_limits_keeps_two_constraints_and_resumes(images: str) -> None:
    """As a version of before stored it."""
    first = search(images, budget=4, max_latency_ms=15.0, sampler="random")
    for trial in trials_of("r"):
        assert trial.state != optuna.trial.TrialState.COMPLETE or not trial.constraints
    file = Path("runs/r/config.json")
    stored = json.loads(file.read_text())
    file.write_text(json.dumps({k: v for k, v in stored.items() if k not in NEW}))
    table = pd.read_csv("runs/r/trials.csv")
    table.drop(columns=["size_kib", "memory_mb", "lacking_db"]).to_csv(
        "runs/r/trials.csv", index=False
    )
    found = read_details(Path("runs/r"))["best_under"]
    assert [row["trial"] for row in found] == list(first.front["number"])
    assert all(row["size_kib"] is None for row in found)
    retarget(Path("runs/r"), load_device("mali-g71-mp2"))
    again = resume("r", {}, watch=Silent(), bench=f"{FAKES}:AlwaysFails")
    assert list(again.table["digest"]) == list(first.table["digest"])


def test_limits_of_a_run_stay(images: str) -> None:
    search(images, budget=2, max_size_kib=100.0)
    given = {"max_size_kib": 50.0, "min_psnr_db": 28.0}
    with pytest.raises(RunError) as caught:
        resume("r", given, watch=Silent())
    assert caught.value.message == (
        "runs/r was started otherwise: max_size_kib is 100.0, asked for 50.0; "
        "min_psnr_db is None, asked for 28.0"
    )


def test_reused_networks_obey_the_limits_of_the_new_run(images: str, free: Free) -> None:
    least_db, run = free.middle_db, str(free.folder)
    kept = complete(search(images, "s", reuse=run, budget=1, min_psnr_db=least_db).table)
    reused = kept[kept["reused"] == "free"]
    assert (reused["lacking_db"] > 0).any()
    assert (reused["lacking_db"] == (least_db - reused["psnr_int8_db"]).clip(lower=0)).all()
    small = complete(search(images, "t", reuse=run, budget=1, max_size_kib=40.0).table)
    assert 0 < (small["reused"] == "free").sum() < len(reused)
    assert small["size_kib"].max() <= 40.0


def test_a_run_ranked_for_another_device_keeps_its_demand_on_quality(
    free: Free, tmp_path: Path
) -> None:
    shutil.copytree(free.folder, tmp_path / "s")
    file = tmp_path / "s" / "config.json"
    stored = json.loads(file.read_text())
    file.write_text(json.dumps({**stored, "min_psnr_db": free.middle_db}))
    found = retarget(tmp_path / "s", load_device("mali-g71-mp2"))
    assert found.front["psnr_int8_db"].min() >= free.middle_db
    assert (found.table["psnr_int8_db"] < free.middle_db).any()
