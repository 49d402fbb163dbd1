"""PostgreSQL is killed under a search; and two searches share a study, until one is killed."""

import pytest

from nas.search.audit import check_run
from tests.postgres import Server, postgres
from tests.search.faults.conftest import Stage, Strike

__all__ = ["postgres"]


def test_postgresql_is_killed(stage: Stage, strike: Strike, postgres: Server) -> None:
    scene = stage()
    scene.storage = postgres.new_database()
    session = scene.start()
    session.reach(strike.moment())
    postgres.kill()
    try:
        session.pause(strike.random.uniform(0, 3))
    finally:
        postgres.start()
    strike.facts["stopped"] = session.stops_well()
    scene.nobody_is_left()
    before = scene.stored()
    scene.resume().succeeds()
    scene.resumed_well(before)


@pytest.mark.parametrize("database", ["SQLite", "PostgreSQL"])
def test_one_of_two_searches_is_killed(
    database: str, stage: Stage, strike: Strike, request: pytest.FixtureRequest
) -> None:
    scene = stage()
    if database == "PostgreSQL":
        scene.storage = request.getfixturevalue("postgres").new_database()
    else:
        scene.storage = f"sqlite:///{scene.folder / 'shared.db'}"
    starter = scene.start()
    starter.wait_for("run folder")
    helper = scene.join()
    struck, other = strike.random.sample([starter, helper], 2)
    strike.facts["victim"] = "starter" if struck is starter else "helper"
    struck.reach(strike.moment(first=2))
    struck.kill()
    before = scene.stored()
    other.succeeds()
    given_up = set(scene.stored().states.get("FAIL", []))  # of the one that was killed
    (scene.resume() if struck is starter else scene.join()).succeeds()
    scene.all_is_well(before)
    helped = scene.helper.exists()  # it may be killed before it is there, and have nothing to do
    assert not helped or check_run(scene.helper, storage=scene.storage) == []
    scene.went_on_well(lambda key, processes: not processes or key[0] in given_up)
