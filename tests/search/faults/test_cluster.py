"""A Dask cluster that is not the search's own: the search dies, or the scheduler does."""

from collections.abc import Iterator

import pytest

from tests.search.faults.cluster import Cluster
from tests.search.faults.conftest import Stage, Strike
from tests.search.faults.harness import Scene


@pytest.fixture
def scene(stage: Stage) -> Scene:
    return stage()


@pytest.fixture
def cluster(scene: Scene) -> Iterator[Cluster]:
    environment = {name: v for name, v in scene.environment.items() if "MARK" not in name}
    made = Cluster(scene.folder, environment)
    made.start()
    scene.options += ["--cluster", made.address]
    yield made
    made.close()


def test_search_on_a_cluster_is_killed(scene: Scene, cluster: Cluster, strike: Strike) -> None:
    session = scene.start()
    session.reach(strike.moment())
    session.kill()
    before = scene.stored()
    scene.nobody_is_left()
    scene.resume().succeeds()
    scene.resumed_well(before)
    assert [worker.poll() for worker in cluster.workers] == [None, None], "they serve others, too"
    assert {int(line.split()[3]) for line in scene.noted()[before.num_noted :]} <= {
        worker.pid for worker in cluster.workers
    }


def test_scheduler_is_killed(scene: Scene, cluster: Cluster, strike: Strike) -> None:
    session = scene.start()
    session.reach(strike.moment())
    cluster.kill_scheduler()
    code = session.stops_well()
    before = scene.stored()
    strike.facts["stopped"] = code
    assert code == 0 or "the cluster" in session.lines[-1], session.lines[-1]
    scene.nobody_is_left()
    cluster.close()
    cluster.start()
    scene.resume().succeeds()
    scene.resumed_well(before)


def test_all_workers_are_killed(scene: Scene, cluster: Cluster, strike: Strike) -> None:
    session = scene.start()
    session.reach(strike.moment(first=3))  # they train
    killed = {worker.pid for worker in cluster.workers}
    cluster.kill_workers()
    session.pause(strike.random.uniform(0, 2))
    cluster.add_worker()
    session.succeeds()
    scene.went_on_well(lambda _, processes: set(processes) <= killed)
