"""Candidates train where the search says, and a run does not mix processors and GPUs."""

from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
import torch

from nas.data.images import Pair
from nas.data.sets import Dataset
from nas.errors import RunError, UsageError
from nas.search.bench import GpuBench, TrainingBench
from nas.search.config import SearchConfig, config_of
from nas.search.events import Silent
from nas.search.executors.dask import DaskCluster
from nas.search.run import resume, start
from nas.search.tasks import Advance, Answer, Setup
from nas.train.hardware import Hardware
from nas.zoo import zoo_entry

FAKES = f"{__name__.rpartition('.')[0]}.fakes"
no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")


@pytest.fixture
def dataset(leaves: tuple[Pair, ...]) -> Dataset:
    return Dataset("leaves", leaves[:4], leaves[4:], "0123", ())


@no_gpu
def test_search_on_gpus_without_one_says_so_and_leaves_nothing(images: str) -> None:
    config = SearchConfig(budget=2, data=images, hardware="cuda")
    with pytest.raises(RunError, match=r"a worker cannot start: UsageError: there is no device cu"):
        start(config, name="r", watch=Silent())
    assert not Path("runs").exists()


def test_run_is_resumed_on_its_hardware_only(images: str) -> None:
    config = SearchConfig(budget=2, data=images, hardware="cuda")
    start(config, name="r", watch=Silent(), bench=f"{FAKES}:Steady")
    with pytest.raises(RunError, match="hardware is cuda, asked for cpu"):
        resume("r", {"hardware": "cpu"}, watch=Silent(), bench=f"{FAKES}:Steady")
    assert resume("r", {}, watch=Silent(), bench=f"{FAKES}:AlwaysFails").finalists


def test_who_joins_trains_on_the_same_hardware() -> None:
    config = SearchConfig(storage="sqlite:///s.db", hardware="cuda")
    assert config.joined({"storage": "sqlite:///s.db"}, "s").hardware == "cuda"
    with pytest.raises(
        RunError, match="'s' was started otherwise: hardware is cuda, asked for cpu"
    ):
        config.joined({"storage": "sqlite:///s.db", "hardware": "cpu"}, "s")


def test_older_runs_trained_on_processors() -> None:
    facts = SearchConfig().to_json()
    del facts["hardware"]
    assert config_of(facts)[0].hardware == "cpu"


def test_unknown_hardware_is_refused() -> None:
    with pytest.raises(UsageError, match=r"no hardware 'tpu' \(--hardware is one of cpu, cuda\)"):
        SearchConfig(hardware="tpu").check()


def test_evaluator_trains_on_its_hardware_and_caches_apart(dataset: Dataset) -> None:
    """bfloat16 on a processor stands in for a GPU: it trains otherwise, too."""
    plain = TrainingBench(dataset, scale=3, seed=0)
    other = TrainingBench(dataset, scale=3, seed=0, hardware=Hardware(precision="bfloat16"))
    assert plain.identity != other.identity
    graph = zoo_entry("XCAT").build()
    weights = []
    for bench in (plain, other):
        trainer = bench.trainer(graph)
        trainer.advance(1)
        weights.append(trainer.weights())
    assert any((weights[0][name] != weights[1][name]).any() for name in weights[0])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
def test_reading_of_a_gpu_is_that_of_the_processor_but_for_rounding(dataset: Dataset) -> None:
    graph = zoo_entry("XCAT").build()
    on_cpu = TrainingBench(dataset, scale=3, seed=0).advance(graph, 0, b"")
    bench = GpuBench(dataset, scale=3, seed=0)
    on_gpu = bench.advance(graph, 0, b"")
    assert on_gpu.reading[1:] == pytest.approx(on_cpu.reading[1:], abs=0.2)
    on = bench.advance(graph, 1, on_gpu.state)  # in the trainer that is held
    again = GpuBench(dataset, scale=3, seed=0).advance(graph, 1, on_gpu.state)
    assert again.reading == on.reading


class Cluster:
    """A Dask client of two workers with four threads each; notes what a task asks for."""

    status = "running"

    def __init__(self, gpus: float) -> None:
        worker = {"nthreads": 4, "resources": {"GPU": gpus} if gpus else {}}
        self.workers = {"a": worker, "b": worker}
        self.asked: list[Mapping[str, float]] = []

    def register_plugin(self, plugin: object) -> None: ...

    def get_executor(self, **options: object) -> "Cluster":
        return self

    def scheduler_info(self, n_workers: int) -> Mapping[str, Any]:
        return {"workers": self.workers}

    def submit(self, *task: object, resources: Mapping[str, float]) -> "Future[Answer]":
        self.asked.append(resources)
        return Future()


@pytest.mark.parametrize(
    ("hardware", "gpus", "slots", "asked"),
    [
        ("cpu", 0.0, 8, {}),
        ("cpu", 1.0, 8, {}),  # declared for others
        ("cuda", 0.0, 8, {}),
        ("cuda", 0.5, 4, {"GPU": 0.25}),
    ],
)
def test_networks_ask_for_a_share_of_a_gpu_where_they_train_on_it(
    hardware: str, gpus: float, slots: int, asked: Mapping[str, float]
) -> None:
    client = Cluster(gpus)
    cluster = DaskCluster(client, Setup("bench", None, 3, 0, hardware=hardware))
    assert cluster.num_slots == slots
    cluster.submit(Advance(0, "network"))
    assert client.asked == [asked]
