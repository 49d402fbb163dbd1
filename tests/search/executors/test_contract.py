"""What every executor promises, on real processes and a real Dask cluster of this machine."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from pathlib import Path

import pytest

from nas.errors import RunError, UsageError
from nas.graph import to_text
from nas.search.config import SearchConfig
from nas.search.crew import Crew
from nas.search.events import Silent
from nas.search.executors import Executor, check_cluster, dask, open_executor
from nas.search.run import start
from nas.search.tasks import Advance, Finalise, Reached, Setup
from nas.zoo import zoo_entry

FAKES = "tests.search.fakes"
CLUSTERS = ("inline", None, "local:2")
NETWORKS = [to_text(zoo_entry(name).build()) for name in ("XCAT", "XLSR", "ABPN", "PureConvSR")]
Open = Callable[..., Executor]


@pytest.fixture
def opened() -> Iterator[Open]:
    """Opens executors, and closes them at the end."""
    made: list[Executor] = []

    def open_it(cluster: str | None, fake: str = "Steady") -> Executor:
        setup = Setup(f"{FAKES}:{fake}", None, 3, 0)
        made.append(open_executor(cluster, setup, workers=2))
        return made[-1]

    yield open_it
    for executor in made:
        executor.close()


def readings(crew: Crew, networks: list[str]) -> dict[int, tuple[int, float, float]]:
    """What each network reached at the first rung."""
    to_do, found = list(enumerate(networks)), {}
    while len(found) < len(networks):
        while to_do and crew.num_idle:
            number, network = to_do.pop(0)
            crew.submit(Advance(number, network))
        task, answer = crew.wait()
        assert isinstance(answer.value, Reached), answer.error
        found[task.number] = answer.value.reading
    return found


def test_every_executor_finds_the_same(opened: Open) -> None:
    one, two, three = (readings(Crew(opened(cluster)), NETWORKS) for cluster in CLUSTERS)
    assert one == two == three
    assert len(set(one.values())) == len(NETWORKS)


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_finalist_comes_back_with_its_files(cluster: str | None, opened: Open) -> None:
    executor = opened(cluster)
    future = executor.submit(Finalise(0, NETWORKS[0]))
    wait([future])
    figures, files = future.result().value
    assert figures["steps"] == 4000
    assert list(files) == ["model.txt"]


@pytest.mark.parametrize("cluster", CLUSTERS[1:])
def test_work_of_a_worker_that_died_goes_on_from_its_last_rung(
    cluster: str | None, images: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_NOTES", str(tmp_path / "notes"))
    monkeypatch.setenv("FAKE_FLAG", str(tmp_path / "flag"))
    config = SearchConfig(budget=4, data=images, workers=2, cluster=cluster)
    table = start(config, name="r", watch=Silent(), bench=f"{FAKES}:Notes").table
    assert list(table["state"]).count("COMPLETE") == 4
    trained = Counter((tmp_path / "notes").read_text().splitlines())
    assert sorted(trained.values())[-2:] == [1, 2], "one rung was trained twice: the one it died in"
    (twice,) = [line for line, count in trained.items() if count == 2]
    assert twice.endswith(" 1")


@pytest.mark.parametrize("cluster", CLUSTERS[1:])
def test_network_that_kills_three_workers_is_given_up(cluster: str | None, images: str) -> None:
    config = SearchConfig(budget=3, data=images, workers=2, cluster=cluster)
    table = start(config, name="r", watch=Silent(), bench=f"{FAKES}:DiesOfXcat").table
    (failed,) = table[table["state"] == "FAIL"].to_dict("records")
    assert failed["zoo"] == "XCAT"
    assert failed["reason"].startswith("the worker died 3 times")
    assert list(table["state"]).count("COMPLETE") == 3


def test_workers_that_do_not_come_back_end_the_run(
    images: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{dask.__name__}._NO_WORKERS_S", 2)

    async def leave_dead(nanny: object, exitcode: int) -> None:
        pass

    monkeypatch.setattr("distributed.nanny.Nanny._on_worker_exit", leave_dead)
    config = SearchConfig(budget=3, data=images, workers=1, cluster="local:1")
    with pytest.raises(RunError, match=r"the cluster is gone: .* or no worker is left"):
        start(config, name="r", watch=Silent(), bench=f"{FAKES}:DiesOfXcat")


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_worker_that_cannot_start_ends_the_run(cluster: str | None, images: str) -> None:
    config = SearchConfig(budget=3, data=images, workers=2, cluster=cluster)
    with pytest.raises(RunError, match="a worker cannot start: NasError: no torch here"):
        start(config, name="r", watch=Silent(), bench=f"{FAKES}:CannotStart")


@pytest.mark.parametrize(
    "cluster", ["local", "local:0", "local:x", "http://a:1", "tcp://a", "slurm:", "everywhere"]
)
def test_what_is_no_cluster_is_refused(cluster: str) -> None:
    with pytest.raises(UsageError, match=r"is no cluster .*--cluster is inline, local:N"):
        check_cluster(cluster)


def test_slurm_file_must_be_there_and_say_how_many_jobs(tmp_path: Path, images: str) -> None:
    with pytest.raises(UsageError, match=r"there is no file nowhere\.yaml"):
        check_cluster("slurm:nowhere.yaml")
    (tmp_path / "slurm.yaml").write_text("cores: 4\n")
    with pytest.raises(UsageError, match="is no Slurm cluster: 'jobs'"):
        open_executor("slurm:slurm.yaml", Setup(f"{FAKES}:Steady", None, 3, 0), workers=1)
