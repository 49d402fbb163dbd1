"""Each fault strikes `--fault-times` times, at moments from seeds that a failure prints."""

import random
import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.search.faults.harness import Moment, Scene
from tests.search.faults.options import PROPERTY

Stage = Callable[..., Scene]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "nth" in metafunc.fixturenames:
        times = metafunc.config.getoption("--fault-times")
        metafunc.parametrize("nth", range(times), ids=[f"time{i + 1}" for i in range(times)])


class Strike:
    """Chance, and what is said of a fault in the end."""

    def __init__(self, seed: int, facts: dict[str, Any]) -> None:
        self.random = random.Random(seed)
        self.facts = facts

    def moment(self, *, first: int = 0) -> Moment:
        """When it strikes."""
        drawn = Moment.draw(self.random, first=first)
        self.facts["moment"] = f"line {drawn.lines} + {drawn.later_s:.2f} s"
        return drawn


@pytest.fixture
def strike(
    nth: int, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> Strike:
    seed = request.config.getoption("--fault-seed")
    seed = secrets.randbelow(10**6) if seed is None else seed
    callspec = request.node.callspec
    variant = " ".join(str(value) for name, value in callspec.params.items() if name != "nth")
    fault = request.node.originalname.removeprefix("test_").replace("_", " ")
    facts = {"fault": f"{fault} {variant}".strip(), "seed": seed, "resumed": 0}
    record_property(PROPERTY, facts)
    return Strike(seed, facts)


@pytest.fixture
def stage(tmp_path: Path, images: str, strike: Strike) -> Iterator[Stage]:
    """Makes the scene of a fault, with options of every search in it."""
    scenes: list[Scene] = []

    def make(options: Sequence[str] = (), run: Path | None = None) -> Scene:
        folder = tmp_path / "scene"
        folder.mkdir()
        scenes.append(Scene(folder, images, options, run=run, facts=strike.facts))
        return scenes[-1]

    yield make
    for scene in scenes:
        scene.close()
