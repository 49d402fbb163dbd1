"""Packages out of a run: which network is taken, and that all of it appears or nothing."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from nas.errors import IllegalError, NasError, RunError, UsageError
from nas.export import ship
from nas.graph import Graph, to_text
from nas.latency.devices import load_device
from nas.readers.cost import read_cost
from nas.search import takeout
from nas.search.config import SearchConfig
from nas.search.front import COLUMNS
from nas.search.requantise import requantise
from nas.search.score import challenge_score
from nas.search.takeout import export_trial
from nas.zoo import zoo_graph
from tests.export.conftest import make_finalist, small_graph

XCAT, XLSR = zoo_graph("XCAT"), zoo_graph("XLSR")
Shipped = list[dict[str, Any]]


def line(graph: Graph) -> str:
    return to_text(graph, separator="; ")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """As far as an export reads it: a best network, a finalist, three more trials."""
    folder = tmp_path / "runs" / "r"
    for name in ("best", "finalists/7"):
        (folder / name).mkdir(parents=True)
        result = {"trial": 7, "digest": XCAT.digest, "place": name}
        (folder / name / "result.json").write_text(json.dumps(result))
    (folder / "config.json").write_text(json.dumps(SearchConfig().to_json()))
    rows = [
        (7, "COMPLETE", "XCAT", XCAT.digest, 20.0, line(XCAT)),
        (8, "COMPLETE", "", "0", 12.5, "0 input(3)"),
        (9, "PRUNED", "", "0", "", "0 input(3)"),
        (10, "COMPLETE", "XLSR", XLSR.digest, 30.0, line(XLSR)),
    ]
    names = ["number", "state", "zoo", "digest", "latency_ms", "network"]
    table = pd.DataFrame(rows, columns=names).reindex(columns=COLUMNS)
    table.to_csv(folder / "trials.csv", index=False)
    return folder


@pytest.fixture
def shipped(monkeypatch: pytest.MonkeyPatch) -> Shipped:
    """What was to be shipped, in place of shipping it; a network trains without a step."""
    seen: Shipped = []

    def ship_nothing(source: Path, folder: Path, **options: Any) -> str:
        (folder / "model.tflite").write_text("x")
        seen.append({"source": source, **options})
        return "record"

    def finalise(run: Path, network: str, folder: Path, known: dict[str, Any]) -> None:
        (folder / "result.json").write_text(json.dumps({"network": network, **known}))

    monkeypatch.setattr(ship, "ship", ship_nothing)
    monkeypatch.setattr(takeout, "_finalise", finalise)
    return seen


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("trial", "place"),
    [("best", "best"), ("7", "finalists/7"), ("zoo:xcat", "finalists/7")],
)
def test_a_finalist_is_taken_as_it_is(run: Path, shipped: Shipped, trial: str, place: str) -> None:
    (out := Path("package")).mkdir()  # an empty folder may be there
    assert export_trial(run, trial, out) == "record"
    assert names(out) == ["model.tflite"]
    assert names(Path()) == ["package", "runs"]
    assert shipped[0]["source"] == run / place
    assert shipped[0]["facts"].result["place"] == place
    assert shipped[0]["facts"].run == "r"


def test_a_finalist_that_does_not_keep_a_limit_says_so(run: Path, shipped: Shipped) -> None:
    told = "30.00 dB is under the limit of 31 dB"
    (run / "best" / "result.json").write_text(json.dumps({"over_limits": [told]}))
    notes: list[str] = []
    export_trial(run, "best", Path("package"), note=notes.append)
    assert notes[-1] == f"a limit of the run is not kept: {told}"


def test_another_trial_is_trained_first(run: Path, shipped: Shipped) -> None:
    notes: list[str] = []
    export_trial(run, "8", Path("package"), note=notes.append)
    assert notes[1] == (
        "training it by the recipe of the finalists on the processor, which takes minutes"
    )
    assert shipped[0]["facts"].result == {
        "network": "0 input(3)", "trial": 8, "zoo": "", "latency_ms": 12.5
    }  # fmt: skip


def test_a_published_network_that_the_run_tried_keeps_its_trial(
    run: Path, shipped: Shipped
) -> None:
    export_trial(run, "zoo:xlsr", Path("package"))
    result = shipped[0]["facts"].result
    assert (result["trial"], result["zoo"], result["latency_ms"]) == (10, "xlsr", 30.0)
    assert result["network"] == line(XLSR)


def test_a_published_network_that_the_run_never_saw_is_predicted(
    run: Path, shipped: Shipped
) -> None:
    export_trial(run, "zoo:ABPN", Path("package"))
    result = shipped[0]["facts"].result
    found = load_device("synaptics-vs680").model.predict(zoo_graph("ABPN"))
    assert "trial" not in result
    assert result["zoo"] == "ABPN"
    assert result["latency_ms"] == found.latency_ms
    assert result["latency_high_ms"] == found.high_ms
    assert result["memory_mb"] == read_cost(zoo_graph("ABPN"), 360, 640).peak_memory_bytes / 1e6


def test_a_published_network_that_no_model_knows_has_no_time(run: Path, shipped: Shipped) -> None:
    export_trial(run, "zoo:FastSR", Path("package"))
    assert not any(name.startswith("latency") for name in shipped[0]["facts"].result)


def test_a_published_network_must_fit_the_run(run: Path) -> None:
    with pytest.raises(UsageError) as caught:
        export_trial(run, "zoo:FQSR-SRResNet-x2", Path("package"))
    assert str(caught.value) == (
        f"zoo:FQSR-SRResNet-x2 upscales by 2, run {run} by 3 (see `nas zoo list`)"
    )
    with pytest.raises(IllegalError, match=r"has no ResizeBicubic"):
        export_trial(run, "zoo:VDSR-RGBx3", Path("package"))
    with pytest.raises(UsageError, match=r"nosuch"):
        export_trial(run, "zoo:nosuch", Path("package"))
    assert names(Path()) == ["runs"]


@pytest.mark.parametrize("trial", ["../best", "last", "-1", "", "7/", "XCAT"])
def test_a_trial_is_best_a_number_or_published(run: Path, trial: str) -> None:
    with pytest.raises(UsageError) as caught:
        export_trial(run, trial, Path("package"))
    assert str(caught.value) == (
        f"trial {trial!r} is no number (--trial takes best, a number, or zoo:NAME)"
    )


@pytest.mark.parametrize("trial", ["9", "11"])
def test_only_a_finished_trial_is_exported(run: Path, trial: str) -> None:
    with pytest.raises(RunError) as caught:
        export_trial(run, trial, Path("package"))
    assert str(caught.value) == (
        f"run {run} has no finished trial '{trial}' (give best, or a number out of trials.csv)"
    )


def test_an_unfinished_run_has_no_best(run: Path) -> None:
    shutil.rmtree(run / "best")
    with pytest.raises(RunError) as caught:
        export_trial(run, "best", Path("package"))
    assert (
        str(caught.value) == f"run {run} has no best network yet (nas search --run {run} --resume)"
    )


def test_what_is_there_is_not_touched(run: Path) -> None:
    Path("file.png").write_text("x")
    for out, message in (
        (Path("file.png"), "file.png is a file (give --out a new folder)"),
        (run, f"{run} exists and is not empty (give --out a new folder)"),
    ):
        with pytest.raises(RunError) as caught:
            export_trial(run, "best", out)
        assert str(caught.value) == message


UNWRITABLE = [  # --out, what the system says
    ("/proc/zz", "No such file or directory"),
    ("file.png/package", "Not a directory"),
]


@pytest.mark.parametrize(("out", "said"), UNWRITABLE)
def test_a_place_that_cannot_be_written_is_one_line(
    run: Path, shipped: Shipped, out: str, said: str
) -> None:
    Path("file.png").write_text("x")
    with pytest.raises(RunError) as caught:
        export_trial(run, "best", Path(out))
    assert str(caught.value) == (
        f"{out} cannot be written: {said} (free the disk, or give another --out)"
    )
    assert names(Path()) == ["file.png", "runs"]


FAILURES: list[tuple[Exception, type[NasError], str]] = [
    (
        OSError(28, "No space left on device", "x"),
        RunError,
        "new/package cannot be written: No space left on device "
        "(free the disk, or give another --out)",
    ),
    (NasError("the forms differ"), NasError, "the forms differ"),
]


@pytest.mark.parametrize(("failure", "kind", "said"), FAILURES)
def test_a_failure_leaves_nothing(
    run: Path,
    failure: Exception,
    kind: type[NasError],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def half(source: Path, folder: Path, **options: Any) -> None:
        (folder / "model.keras").write_text("half")
        raise failure

    monkeypatch.setattr(ship, "ship", half)
    with pytest.raises(kind) as caught:
        export_trial(run, "best", Path("new/package"))
    assert str(caught.value) == said
    assert names(Path()) == ["runs"]


@pytest.mark.parametrize(
    ("asked", "over"),
    [
        ({}, []),
        ({"min_psnr_db": 30.0, "max_latency_ms": 8.0, "max_size_kib": 2.0}, []),
        ({"min_psnr_db": 31.0}, ["30.00 dB is under the limit of 31 dB"]),
        ({"max_latency_ms": 7.0}, ["8.0 ms is over the limit of 7 ms"]),
        ({"max_size_kib": 1.5}, ["2.0 KiB is over the limit of 1.5 KiB"]),
        ({"max_memory_mb": 12.0}, ["12.5 MB is over the limit of 12 MB"]),
    ],
)
def test_a_network_that_trains_first_gets_its_score(
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    asked: dict[str, float],
    over: list[str],
) -> None:
    import nas.search.bench
    import nas.search.images

    class Bench:
        def __init__(self, dataset: object, *, scale: int, seed: int) -> None:
            assert (dataset, scale, seed) == ("images", 3, 0)

        def finalise(self, graph: Graph, folder: Path) -> dict[str, Any]:
            return {"psnr_litert_int8_db": 30.0, "steps": 2, "size_bytes": 2048}

    monkeypatch.setattr(nas.search.bench, "TrainingBench", Bench)
    monkeypatch.setattr(nas.search.images, "load_images", lambda config, on_skip: "images")
    (run / "config.json").write_text(json.dumps(SearchConfig(**asked).to_json()))
    (folder := tmp_path / "made").mkdir()
    known = {"trial": 3, "latency_ms": 8.0, "memory_mb": 12.5}
    takeout._finalise(run, line(XCAT), folder, known)
    assert json.loads((folder / "result.json").read_text()) == {
        "digest": XCAT.digest,
        "network": line(XCAT),
        **known,
        "psnr_litert_int8_db": 30.0,
        "steps": 2,
        "size_bytes": 2048,
        "over_limits": over,
        "lacking_db": max(0.0, asked.get("min_psnr_db", 0.0) - 30),
        "score": challenge_score(30.0, 8.0),
        "score_constant": "mai2022",
    }


# Runs that kept no quantised weights


class Dataset:
    digest = "abc"


def old_run(folder: Path, monkeypatch: pytest.MonkeyPatch, *, seed: int) -> Path:
    """A run whose finalist was quantised on the images of seed 0; now they are those of `seed`."""
    from types import SimpleNamespace

    from nas.search import requantise as module

    folder.mkdir(parents=True)
    facts = {**SearchConfig().to_json(), "data_digest": "abc"}
    (folder / "config.json").write_text(json.dumps(facts))
    images = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(seed))
    bench = SimpleNamespace(solve_set=SimpleNamespace(lr=images))
    monkeypatch.setattr(module, "load_images", lambda config, on_skip: Dataset())
    monkeypatch.setattr(module, "TrainingBench", lambda dataset, **options: bench)
    return make_finalist(folder / "7", small_graph())


def test_quantised_weights_are_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nas.quantize.stored import load_stored

    finalist = old_run(tmp_path / "old", monkeypatch, seed=0)
    found, before = requantise(tmp_path / "old", finalist), load_stored(finalist / "deployed")
    assert found.grid == before.grid
    assert all((found.weights[name] == before.weights[name]).all() for name in before.weights)


def test_other_weights_than_those_measured_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finalist = old_run(tmp_path / "old", monkeypatch, seed=1)
    with pytest.raises(RunError) as caught:
        requantise(tmp_path / "old", finalist)
    assert caught.value.message == f"{finalist} cannot be quantised again as it was"


def test_images_that_changed_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finalist = old_run(tmp_path / "old", monkeypatch, seed=0)
    monkeypatch.setattr(Dataset, "digest", "other")
    with pytest.raises(RunError) as caught:
        requantise(tmp_path / "old", finalist)
    assert caught.value.message == (
        f"the images of run {tmp_path / 'old'} have changed since it quantised on them"
    )
