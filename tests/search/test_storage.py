"""Studies in every kind of storage, real servers among them, and several searches in one."""

import gc
import json
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from nas.errors import RunError, UsageError
from nas.search.audit import check_run
from nas.search.config import SearchConfig
from nas.search.events import Silent
from nas.search.run import RunResult, join, resume, start
from nas.search.storage import open_storage, opened_storage
from nas.search.study import claim, open_study
from tests.postgres import Server, postgres

__all__ = ["postgres"]

FAKES = "tests.search.fakes"
KINDS = ("sqlite", "postgresql", "journal", "grpc")
_WAIT_S = 60

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Of an empty storage of the kind that the test asks for."""
    kind = request.param
    if kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'all.db'}"
    elif kind == "journal":
        yield f"journal:{tmp_path / 'all.log'}"
    elif kind == "postgresql":
        server: Server = request.getfixturevalue("postgres")
        yield server.new_database()
        gc.collect()  # what a failed attempt to make the tables left open
    else:
        yield from _proxy(tmp_path)


def _proxy(folder: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = (
        "from optuna.storages import RDBStorage, run_grpc_proxy_server; "
        f"run_grpc_proxy_server(RDBStorage('sqlite:///{folder / 'behind.db'}'), "
        f"host='127.0.0.1', port={port})"
    )
    process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", code])
    deadline_s = time.monotonic() + _WAIT_S
    with socket.socket() as probe:
        while probe.connect_ex(("127.0.0.1", port)):
            assert time.monotonic() < deadline_s, "the proxy does not answer"
            time.sleep(0.1)
    yield f"grpc://127.0.0.1:{port}"
    process.kill()
    process.wait()


def helper(url: str, images: str, name: str) -> subprocess.Popen[str]:
    """Another search that joins study `r`, in a process of its own; prints what it finished."""
    code = f"""
from nas.search.events import Silent
from nas.search.run import join
given = dict(storage={url!r}, workers=1, data={images!r})
print(join("r", given, name={name!r}, watch=Silent(), bench="{FAKES}:Slow"))
"""
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def wait_for_study(url: str, main: "Future[RunResult]") -> None:
    deadline_s = time.monotonic() + _WAIT_S
    while True:
        with opened_storage(url) as storage:
            if "r" in optuna.get_all_study_names(storage):
                study = open_study(storage, "r", resume=True)
                if study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
                    return
        assert time.monotonic() < deadline_s, "the search does not begin"
        assert not main.done(), main.exception()
        time.sleep(0.5)


@pytest.mark.parametrize("url", KINDS, indirect=True)
def test_run_in_a_storage_ends_and_resumes(url: str, images: str) -> None:
    config = SearchConfig(budget=4, data=images, storage=url)
    first = start(config, name="r", watch=Silent(), bench=f"{FAKES}:Steady")
    again = resume("r", {"storage": url}, watch=Silent(), bench=f"{FAKES}:AlwaysFails")
    assert again.finalists == first.finalists
    assert list(first.table["state"]).count("COMPLETE") == 4


@pytest.mark.parametrize("url", KINDS[:2], indirect=True)
def test_three_searches_share_a_study_and_its_budget(url: str, images: str) -> None:
    config = SearchConfig(budget=40, data=images, storage=url, sampler="random")
    with ThreadPoolExecutor(1) as other:
        main = other.submit(start, config, name="r", watch=Silent(), bench=f"{FAKES}:Slow")
        wait_for_study(url, main)
        helpers = [helper(url, images, name) for name in ("two", "three")]
        told = [int(process.communicate(timeout=120)[0]) for process in helpers]
        table = main.result(timeout=120).table
    done = table[table["state"] == "COMPLETE"]
    assert len(done) == done["digest"].nunique() == 40
    assert set(table["state"]) <= {"COMPLETE", "PRUNED"}
    assert 0 < sum(told) < 40


def test_what_a_dead_search_was_at_is_trained_by_another(
    images: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nas.search.lease._PATIENCE_S", 1.0)
    url = f"sqlite:///{tmp_path / 'all.db'}"
    config = SearchConfig(budget=12, data=images, storage=url, sampler="random")
    with ThreadPoolExecutor(1) as other:
        main = other.submit(start, config, name="r", watch=Silent(), bench=f"{FAKES}:Slow")
        wait_for_study(url, main)
        dying = helper(url, images, "two")
        study = open_study(open_storage(url), "r", resume=True)
        deadline_s = time.monotonic() + _WAIT_S
        while len({t.user_attrs.get("driver") for t in study.get_trials(deepcopy=False)}) < 2:
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
        dying.kill()
        dying.communicate()
        table = main.result(timeout=120).table
    done = table[table["state"] == "COMPLETE"]
    assert len(done) == done["digest"].nunique() == 12
    assert not study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))


def test_joining_asks_for_what_it_needs(images: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a study is joined in its storage \(give --storage"):
        join("r", {}, name=None, watch=Silent())
    url = f"sqlite:///{tmp_path / 'all.db'}"
    with pytest.raises(RunError, match=r"the storage has no study 'r'"):
        join("r", {"storage": url}, name=None, watch=Silent())


def test_what_decides_figures_cannot_be_joined_otherwise(images: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'all.db'}"
    config = SearchConfig(budget=2, data=images, storage=url)
    start(config, name="r", watch=Silent(), bench=f"{FAKES}:Steady")
    other = {"device": "mali-g71-mp2", "budget": 8, "score": "xcat"}
    with pytest.raises(RunError, match=r"budget is 2, asked for 8; device is synaptics-vs680, ask"):
        join("r", {"storage": url, "data": images, **other}, name="two", watch=Silent())
    assert not Path("runs/two").exists()


def test_other_images_cannot_join(images: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'all.db'}"
    config = SearchConfig(budget=2, data=images, storage=url)
    start(config, name="r", watch=Silent(), bench=f"{FAKES}:Steady")
    (Path(images) / "0.png").unlink()
    with pytest.raises(RunError, match=r"the data_digest of r was .*, now it is"):
        join("r", {"storage": url, "data": images}, name="two", watch=Silent())


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("journal:", "storage journal: does not answer: it names no file"),
        ("journal:nowhere/x", "does not answer: there is no folder"),
        ("grpc://127.0.0.1:1", "does not answer: .*refused"),
        ("postgresql://me:secret@127.0.0.1:1/x", r"postgresql://me:\*\*\*@.*refused"),
        ("nonsense", "storage nonsense does not answer"),
    ],
)
def test_storage_that_does_not_answer_is_one_line(url: str, message: str) -> None:
    with pytest.raises(RunError, match=message) as caught:
        open_storage(url)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def claim_by_a_killed_search(study: optuna.Study, digest: str) -> None:
    """Of a network with the picks of the first trial."""
    like = study.trials[0]
    claimed = optuna.trial.create_trial(
        state=TrialState.RUNNING,
        params=like.params,
        distributions=like.distributions,
        user_attrs={**like.user_attrs, "driver": "killed", "digest": digest},
    )
    study.add_trial(claimed)


def test_claim_beyond_the_budget_that_a_killed_search_left_is_taken_back(
    images: str, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'all.db'}"
    config = SearchConfig(budget=4, data=images, storage=url)
    first = start(config, name="r", watch=Silent(), bench=f"{FAKES}:Steady").table
    study = open_study(open_storage(url), "r", resume=True)
    claim_by_a_killed_search(study, "another")
    given = {"storage": url}
    table = resume("r", given, watch=Silent(), bench=f"{FAKES}:Steady").table
    assert list(table["state"]).count("COMPLETE") == 4
    assert list(table["state"])[len(first) :] == ["PRUNED"]


def test_more_claims_of_others_than_are_left_are_waited_for(
    images: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nas.search.lease._PATIENCE_S", 1.0)
    url = f"sqlite:///{tmp_path / 'all.db'}"
    config = SearchConfig(budget=4, data=images, storage=url)
    first = start(config, name="r", watch=Silent(), bench=f"{FAKES}:Steady").table
    study = open_study(open_storage(url), "r", resume=True)
    for digest in ("another", "third"):
        claim_by_a_killed_search(study, digest)
    told = json.loads((facts := Path("runs/r/config.json")).read_text())
    facts.write_text(json.dumps({**told, "budget": 5}))
    table = resume("r", {"storage": url}, watch=Silent(), bench=f"{FAKES}:Steady").table
    assert list(table["state"])[len(first) :] == ["FAIL", "FAIL", "COMPLETE"]


def test_claim_that_a_dying_storage_made_twice_is_taken_back_once(
    images: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def twice(*given: Any) -> FrozenTrial:
        calls.append(len(calls))
        if calls[-1] in (0, 2):  # as Optuna does where a commit was made and not acknowledged
            claim(*given)
        return claim(*given)

    monkeypatch.setattr("nas.search.loop.claim", twice)
    config = SearchConfig(budget=4, data=images)
    table = start(config, name="r", watch=Silent(), bench=f"{FAKES}:Steady").table
    states = Counter(table["state"])
    assert states["COMPLETE"] == 4
    assert "RUNNING" not in states
    assert states["PRUNED"] >= 4, "both of each pair"
    assert not check_run(Path("runs/r"))


def test_postgresql_that_was_started_again_between_two_questions_is_not_noticed(
    postgres: Server,
) -> None:
    with opened_storage(postgres.new_database()) as storage:
        study = open_study(storage, "r", resume=False)
        study.set_user_attr("known", True)
        postgres.kill()
        postgres.start()
        assert study.user_attrs == {"known": True}
