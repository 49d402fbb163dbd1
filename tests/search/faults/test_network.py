"""The network between a search and one of its workers is cut, for a while and for good."""

from collections.abc import Iterator

import pytest

from tests.search.faults.cluster import Cluster
from tests.search.faults.conftest import Stage, Strike
from tests.search.faults.harness import Scene
from tests.search.faults.network import Cable, cable

_NOTICED = "11s"  # by Dask, that nobody answers: its least; 30 s where nobody says otherwise


@pytest.fixture
def laid() -> Iterator[Cable]:
    with cable() as made:
        yield made


@pytest.fixture
def scene(stage: Stage, laid: Cable) -> Scene:
    made = stage()
    made.prefix = laid.at(laid.here)
    made.environment["DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP"] = _NOTICED
    return made


@pytest.fixture
def cluster(scene: Scene, laid: Cable) -> Iterator[Cluster]:
    """The scheduler and a worker beside the search, and a worker behind the cable."""
    environment = {name: v for name, v in scene.environment.items() if "MARK" not in name}
    made = Cluster(scene.folder, environment, host=laid.here_address, prefix=laid.at(laid.here))
    made.start(workers=1)
    made.add_worker(laid.at(laid.there))
    scene.options += ["--cluster", made.address]
    yield made
    made.close()


def test_network_is_cut_for_a_while(
    scene: Scene, cluster: Cluster, laid: Cable, strike: Strike
) -> None:
    session = scene.start()
    session.reach(strike.moment())
    laid.cut()
    session.pause(strike.random.uniform(0.2, 5))
    laid.mend()
    session.succeeds()
    cut_off = cluster.workers[1].pid
    scene.went_on_well(lambda _, processes: set(processes) <= {cut_off})


def test_network_is_cut_for_good(
    scene: Scene, cluster: Cluster, laid: Cable, strike: Strike
) -> None:
    session = scene.start()
    session.reach(strike.moment(first=3))  # it trains
    laid.cut()
    session.succeeds()
    cut_off = cluster.workers[1].pid
    scene.went_on_well(lambda _, processes: set(processes) <= {cut_off})
