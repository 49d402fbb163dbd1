"""A worker answers from the cache what some worker trained, and only what was really trained so."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import save

from nas.data.images import Pair
from nas.data.sets import Dataset
from nas.graph import Conv2d, DepthToSpace, Graph, GraphBuilder, to_text
from nas.search.evaluation import Evaluator
from nas.search.evaluation_cache import EvaluationCache
from nas.search.tasks import Advance, Reached, Setup
from nas.search.worker import Worker
from nas.train.hardware import Hardware
from nas.train.recipes import recipe
from tests.quick import QUICK, QuickBench
from tests.search.fakes import Known

FAKES = "tests.search.fakes"


def small(width: int = 4) -> Graph:
    g = GraphBuilder()
    return g.graph(g.chain(g.input, Conv2d(width, activation="relu"), Conv2d(27), DepthToSpace(3)))


TASK = Advance(0, to_text(small()))


class Unsure(Known):
    """Its first answer has no finite PSNR."""

    def advance(self, graph: Graph, rung: int, state: bytes, **limits: Any) -> Reached:
        first = not Path("second").exists()
        Path("second").touch()
        found = super().advance(graph, rung, state, **limits)
        return replace(found, reading=(100, float("nan"), 1.0)) if first else found


class Hurried(Known):
    """Takes a second."""

    def advance(self, graph: Graph, rung: int, state: bytes, **limits: Any) -> Reached:
        if (limits["limit_s"] or 9) < 1:
            raise TimeoutError("took over a second")
        return super().advance(graph, rung, state, **limits)


@pytest.fixture(autouse=True)
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FAKE_NOTES", str(tmp_path / "notes"))
    return tmp_path / "notes"


def worker(bench: str = f"{FAKES}:Known", *, dataset: object = None, seed: int = 0) -> Worker:
    return Worker(Setup(bench, dataset, scale=3, seed=seed))


def reached(answered: Worker, task: Advance = TASK) -> Reached:
    found = answered.answer(task).value
    assert isinstance(found, Reached)
    return found


def plain(found: Reached) -> Reached:
    """Without the seconds, and where it is from."""
    return replace(found, train_s=0.0, quantize_s=0.0, evaluate_s=0.0, is_cached=False)


def num_trained(notes: Path) -> int:
    return len(notes.read_text().splitlines())


def test_what_one_worker_trained_no_other_trains(notes: Path) -> None:
    first, again = reached(worker()), reached(worker())
    assert (first.is_cached, again.is_cached) == (False, True)
    assert plain(again) == plain(first)
    assert (again.train_s, again.quantize_s, again.evaluate_s) == (0.0, 0.0, 0.0)
    assert num_trained(notes) == 1


@pytest.mark.parametrize(
    ("task", "seed"),
    [
        (TASK, 1),
        (replace(TASK, network=to_text(small(5))), 0),
        (replace(TASK, rung=1, state=b"1"), 0),
    ],
)
def test_another_seed_network_or_rung_is_trained(task: Advance, seed: int, notes: Path) -> None:
    reached(worker())
    assert not reached(worker(seed=seed), task).is_cached
    assert num_trained(notes) == 2


def test_a_bench_without_identity_is_never_cached() -> None:
    assert not reached(worker(f"{FAKES}:Steady")).is_cached
    assert not reached(worker(f"{FAKES}:Steady")).is_cached
    assert EvaluationCache().size_bytes() == 0


def test_a_damaged_entry_is_trained_anew_and_mended(notes: Path) -> None:
    reached(worker())
    (file,) = EvaluationCache().folder.glob("*/*")
    file.write_bytes(file.read_bytes()[:-1])
    assert not reached(worker()).is_cached
    assert reached(worker()).is_cached
    assert num_trained(notes) == 2


def test_a_cache_that_cannot_be_written_fails_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notes: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert not reached(worker()).is_cached
    assert not reached(worker()).is_cached
    assert num_trained(notes) == 2


def test_a_network_that_diverged_or_took_too_long_is_tried_again(notes: Path) -> None:
    unsure, hurried = (worker(f"{__name__}:{bench.__name__}") for bench in (Unsure, Hurried))
    assert unsure.answer(TASK).kind == "diverged"
    assert not reached(unsure).is_cached
    other = replace(TASK, network=to_text(small(5)))
    assert hurried.answer(replace(other, limit_s=0.1)).kind == "timeout"
    assert not reached(hurried, other).is_cached
    assert reached(hurried, replace(other, limit_s=0.1)).is_cached, "a look-up takes no time"


# The real bench, with trainings of a few steps


@pytest.fixture
def dataset(leaves: tuple[Pair, ...]) -> Dataset:
    return Dataset("leaves", leaves[:4], leaves[4:], "0123", ())


def climb(dataset: Dataset) -> list[Reached]:
    """Every rung, each by a worker of its own, who knows of the others by the cache alone."""
    found: list[Reached] = []
    for rung in range(3):
        state = found[-1].state if found else b""
        task = replace(TASK, rung=rung, state=state)
        found.append(reached(worker(QUICK, dataset=dataset), task))
    return found


def test_real_training_goes_on_from_cached_rungs_as_if_nobody_had_stopped(
    dataset: Dataset,
) -> None:
    trained = climb(dataset)
    (last,) = (
        file
        for file in EvaluationCache().folder.glob("*/*")
        if trained[-1].weights in file.read_bytes()
    )
    last.unlink()
    again = climb(dataset)
    assert [found.is_cached for found in again] == [True, True, False]
    assert [found.reading for found in again] == [found.reading for found in trained]
    assert again[-1].weights == trained[-1].weights


def test_all_that_decides_an_evaluation_is_in_its_identity(dataset: Dataset) -> None:
    def identity(of: Dataset = dataset, **changes: Any) -> str:
        return Evaluator(of, **{"scale": 3, "seed": 0, **changes}).identity

    effort = QuickBench(dataset, scale=3, seed=0).effort
    other = Dataset("leaves", dataset.train, dataset.valid, "4567", ())
    seen = [
        identity(),
        identity(other),
        identity(seed=1),
        identity(hardware=Hardware("cuda")),
        identity(effort=effort),
        identity(effort=replace(effort, validation_crops=2)),
        identity(effort=replace(effort, recipe=recipe("final"))),
    ]
    assert len({*seen}) == len(seen)
    assert identity() == seen[0]
    assert " at 0x" not in repr(effort), "an address differs in every process"


def test_weights_of_a_finalist_are_trained_once(dataset: Dataset) -> None:
    from nas.search.finalists import _trained  # TensorFlow

    (stage,) = recipe("final").stages
    quick = replace(recipe("final"), stages=(replace(stage, steps=2),))
    bench = QuickBench(dataset, scale=3, seed=0)
    first, first_cached = _trained(bench, small(), quick)
    again, again_cached = _trained(bench, small(), quick)
    assert (first_cached, again_cached) == (False, True)
    assert save(again) == save(first)
    longer = replace(quick, stages=(replace(stage, steps=3),))
    assert not _trained(bench, small(), longer)[1]
    assert not _trained(QuickBench(dataset, scale=3, seed=1), small(), quick)[1]
