"""The table of the repository: whole, of this version's networks, and fit for a search."""

import math
import sys
from pathlib import Path

import pandas as pd
import pytest

from nas.graph import parse_text
from nas.search.config import SearchConfig
from nas.space import Space

FOLDER = Path(__file__).parents[2] / "benchmarks/table"


@pytest.fixture(scope="module")
def folder() -> Path:
    sys.path.insert(0, str(FOLDER))
    return FOLDER


@pytest.fixture(scope="module")
def space(folder: Path) -> Space:
    from space import space  # type: ignore[import-not-found]

    assert isinstance(space, Space)
    return space


def test_networks_are_those_of_the_space(space: Space) -> None:
    networks = pd.read_csv(FOLDER / "networks.csv").set_index("digest")
    built = {space.graph(pick, scale=3).digest for pick in space.picks()}
    assert set(networks.index) == built
    assert len(built) == len(networks) == 606
    for digest, text in networks["network"].iloc[::50].items():
        assert parse_text(text).digest == digest
    published = set(networks["published"].dropna())
    assert {"XCAT", "XCAT-D"} <= published
    assert len(published) == 17


def test_readings_are_whole(folder: Path) -> None:
    from make import READINGS, contenders  # type: ignore[import-not-found]

    digests = set(pd.read_csv(FOLDER / "networks.csv")["digest"])
    readings = pd.read_csv(READINGS)
    assert set(readings["digest"]) <= digests
    assert not readings.duplicated(["digest", "seed", "length", "steps"]).any()
    short = readings[readings["length"] == 1000]
    steps = short.groupby(["digest", "seed"])["steps"].apply(list)
    assert all(each == [50, 100, 200, 300, 500, 1000] for each in steps)
    of_all = {(digest, seed) for digest in digests for seed in (0, 1)}
    assert set(steps.index) == of_all | {(d, seed) for d in contenders(READINGS) for seed in (2, 3)}
    assert readings[["psnr_float_db", "psnr_int8_db"]].stack().between(5, 45).all()


def test_kept_weights_are_read_again_as_they_were(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import make

    monkeypatch.setattr(make, "STEPS", (1, 2))
    network = pd.read_csv(FOLDER / "networks.csv")["network"][0]
    trained, again = (make.train(network, SearchConfig(), 2, tmp_path) for _ in range(2))
    assert [row[3] for row in trained] == [1, 2]
    assert [row[:6] for row in again] == [row[:6] for row in trained]
    assert all(math.isnan(row[6]) for row in again)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_search_on_it_repeats_and_proposes_nothing_twice(folder: Path) -> None:
    from make import READINGS
    from replay import STEPS, Table, chosen, replay  # type: ignore[import-not-found]

    table = Table(READINGS, "synaptics-vs680")
    one, two = (replay(table, None, SearchConfig(budget=12, seed=4)).tried for _ in range(2))
    assert one == two
    digests = [each.digest for each in one]
    assert len(set(digests)) == 12
    (best,) = chosen(one)
    ended = [each for each in one if each.measured.steps == STEPS]
    assert max(ended, key=lambda each: each.worth).digest == best
    assert one[-1].steps == sum(each.measured.steps for each in one)
    assert 0 < table.share([best]) <= table.share(digests) <= 1
    assert 0 <= table.hypervolume([best]) <= table.hypervolume(digests)
