"""A training in a folder: begun, left, gone on with, and never in another's folder."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.data import patches
from nas.data.images import Pair
from nas.data.sets import Dataset
from nas.errors import TrainingError
from nas.graph import to_text
from nas.quantize.stored import load_stored
from nas.train import session
from nas.train.checkpoint import save_checkpoint
from nas.train.schedules import Constant
from nas.train.session import Session, TrainConfig, read_log, stored_config
from nas.train.stages import Qat, Recipe, Stage
from nas.train.trainer import Conditions
from nas.zoo import zoo_entry

ABPN = zoo_entry("ABPN").build()
STAGE = Stage(30, Constant(1e-3), batch_size=2, lr_patch=12)
QAT = replace(STAGE, steps=10, schedule=Constant(1e-4), quantisation=Qat())
RECIPE = Recipe("r", "", (STAGE, QAT))
CONFIG = TrainConfig(
    to_text(ABPN), "r", "here", None, "d" * 16, scale=3, seed=0, steps=40, device="cpu",
    precision="float32",
)  # fmt: skip


def begun(leaves: tuple[Pair, ...], folder: Path, **changes: object) -> Session:
    dataset = Dataset("leaves", leaves[:4], leaves[4:], CONFIG.digest, ())
    config = replace(CONFIG, **changes)  # type: ignore[arg-type]
    conditions = Conditions(config.seed, config.steps)
    return Session(ABPN, RECIPE, dataset, config, folder=folder, conditions=conditions)


def finish(found: Session) -> Session:
    for _ in found.train():
        pass
    return found


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture(scope="module", autouse=True)
def _few_crops() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(patches, "_LARGEST_CROP", 16)
        patched.setattr(session, "_CROPS", 2)
        yield


@pytest.fixture(scope="module")
def whole(leaves: tuple[Pair, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an uninterrupted training leaves."""
    folder = tmp_path_factory.mktemp("trained") / "deep" / "whole"
    finish(begun(leaves, folder))
    return folder


def test_finished_folder_has_the_network_its_grid_and_a_log(whole: Path) -> None:
    assert set(files(whole)) == {
        *("config.json", "log.jsonl", "checkpoint.safetensors"),
        *("graph.txt", "weights.safetensors", "grid.json"),
    }
    found = load_stored(whole)
    assert found.graph == ABPN.deployed
    assert found.grid is not None
    log = read_log(whole)
    assert [reading.step for reading in log] == list(range(2, 41, 2))
    assert [reading.stage for reading in log] == [1] * 15 + [2] * 5
    assert {reading.learning_rate for reading in log} == {1e-3, 1e-4}
    assert np.isfinite([reading.loss for reading in log]).all()
    assert log[-1].psnr_db > log[0].psnr_db > 5


def test_nothing_is_written_before_it_begins(leaves: tuple[Pair, ...], tmp_path: Path) -> None:
    begun(leaves, tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("steps", [1, 14, 30, 33])
def test_training_that_was_stopped_ends_as_one_that_was_not(
    leaves: tuple[Pair, ...], whole: Path, tmp_path: Path, steps: int
) -> None:
    first = begun(leaves, tmp_path)
    for _ in first.train(lambda: first.trainer.step >= steps):
        pass
    assert first.trainer.step == steps
    second = begun(leaves, tmp_path)
    assert second.trainer.step == first.trainer.step
    finish(second)
    assert files(tmp_path) == files(whole)


@pytest.mark.parametrize("when", ["after the log", "after the checkpoint", "before the network"])
def test_training_that_was_killed_ends_as_one_that_was_not(
    leaves: tuple[Pair, ...],
    whole: Path,
    tmp_path: Path,
    when: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = begun(leaves, tmp_path)

    def killed(*_: object) -> None:
        if when == "before the network" or first.trainer.step >= 20:
            if when == "after the checkpoint":
                save_checkpoint(tmp_path, first.trainer)
            raise SystemExit
        save_checkpoint(tmp_path, first.trainer)

    with monkeypatch.context() as patched:
        patched.setattr(session, "store" if "network" in when else "save_checkpoint", killed)
        with pytest.raises(SystemExit):
            finish(first)
    finish(begun(leaves, tmp_path))
    assert files(tmp_path) == files(whole)


def test_finished_training_is_not_trained_on(
    leaves: tuple[Pair, ...], whole: Path, tmp_path: Path
) -> None:
    finish(begun(leaves, tmp_path))
    again = begun(leaves, tmp_path)
    assert again.trainer.step == again.trainer.steps
    assert list(again.train()) == []
    assert files(tmp_path) == files(whole)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seed": 1}, "seed was 0, asked for 1"),
        ({"steps": 39}, "steps was 40, asked for 39"),
        ({"precision": "bfloat16"}, "precision was float32, asked for bfloat16"),
        ({"device": "cuda"}, "device was cpu, asked for cuda"),
        ({"recipe": "s", "scale": 2}, "recipe was r, asked for s; scale was 3, asked for 2"),
        ({"network": "another"}, "it is of another network"),
        ({"digest": "e" * 16}, f"digest was {'d' * 16}, asked for {'e' * 16}"),
    ],
)
def test_another_configuration_is_refused(
    leaves: tuple[Pair, ...], whole: Path, change: dict[str, object], told: str
) -> None:
    before = files(whole)
    with pytest.raises(TrainingError) as caught:
        begun(leaves, whole, **change)
    assert caught.value.message == f"{whole} was started otherwise: {told}"
    assert caught.value.hint == "resume with the same options, or take another folder"
    assert files(whole) == before


def test_same_images_may_have_moved(leaves: tuple[Pair, ...], whole: Path) -> None:
    assert begun(leaves, whole, data="/elsewhere", valid="there").trainer.step == 40


@pytest.mark.parametrize(
    ("held", "told"),
    [
        ({"notes.txt": "mine"}, "{folder} holds something else than a training"),
        ({"config.json": "{}"}, "{folder} holds something else than a training"),
        ({"config.json": "[1]"}, "{folder} holds something else than a training"),
        ({"config.json": '{"space": "hxnet"}'}, "{folder} holds something else than a training"),
        ({"config.json": "{"}, "{folder}/config.json cannot be read: "),
    ],
)
def test_folder_of_something_else_is_refused(
    leaves: tuple[Pair, ...], tmp_path: Path, held: dict[str, str], told: str
) -> None:
    for name, text in held.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(TrainingError) as caught:
        begun(leaves, tmp_path)
    assert caught.value.message.startswith(told.format(folder=tmp_path))
    assert caught.value.hint == "give a new folder, or one that `nas train` began"
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == held


def test_file_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(TrainingError, match="file is no folder"):
        stored_config(tmp_path / "file")
    assert stored_config(tmp_path / "new") is None
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".lock").touch()
    assert stored_config(tmp_path / "empty") is None


def test_full_disk_is_one_line_and_the_checkpoint_stays(
    leaves: tuple[Pair, ...], whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = begun(leaves, tmp_path)

    opened = Path.open

    def full(path: Path, mode: str = "r", **given: Any) -> Any:
        if mode == "xb" and first.trainer.step > 20:
            path.touch()
            raise OSError(28, "No space left on device", str(path))
        return opened(path, mode, **given)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", full)
        with pytest.raises(TrainingError) as caught:
            finish(first)
    assert caught.value.message == f"{tmp_path} cannot be written: No space left on device"
    assert not list(tmp_path.glob("*.part"))
    finish(begun(leaves, tmp_path))
    assert files(tmp_path) == files(whole)


def test_place_where_nobody_may_write_is_one_line(leaves: tuple[Pair, ...], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TrainingError, match=r"file/below cannot be written: Not a directory"):
        begun(leaves, tmp_path / "file" / "below").begin()


def test_long_trainings_are_saved_between_readings(
    leaves: tuple[Pair, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_CHECKPOINT_S", 0.0)
    monkeypatch.setattr(session, "_READINGS", 1)
    found = begun(leaves, tmp_path)
    steps = found.train()
    for _ in range(4):
        next(steps)
    assert begun(leaves, tmp_path).trainer.step == 3
    assert json.loads((tmp_path / "config.json").read_text())["steps"] == 40
