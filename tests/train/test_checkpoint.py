"""A checkpoint is whole or not there, and of one training only."""

import json
from pathlib import Path

import numpy as np
import pytest

from nas.data.images import Pair
from nas.errors import TrainingError
from nas.train.checkpoint import restore_checkpoint, save_checkpoint
from nas.train.feed import Feed
from nas.train.schedules import Constant
from nas.train.stages import Qat, Recipe, Stage
from nas.train.trainer import Conditions, Trainer
from nas.zoo import zoo_entry

FLOAT = Stage(4, Constant(1e-3), batch_size=2, lr_patch=12, ema_decay=0.5)
QAT = Stage(4, Constant(1e-4), batch_size=2, lr_patch=12, quantisation=Qat("lsq"))
RECIPE = Recipe("r", "", (FLOAT, QAT))
NAME = "checkpoint.safetensors"


def trainer(leaves: tuple[Pair, ...], network: str = "ABPN", recipe: Recipe = RECIPE) -> Trainer:
    feed = Feed(leaves, scale=3, seed=0)
    return Trainer(zoo_entry(network).build(), recipe, feed, Conditions(0))


@pytest.mark.parametrize("stop", [0, 2, 4, 6])
def test_training_goes_on_from_its_files(
    leaves: tuple[Pair, ...], tmp_path: Path, stop: int
) -> None:
    whole, stopped, restored = (trainer(leaves) for _ in range(3))
    whole.advance(8)
    stopped.advance(stop)
    save_checkpoint(tmp_path, stopped)
    assert [file.name for file in tmp_path.iterdir()] == [NAME]
    assert restore_checkpoint(tmp_path, restored)
    assert (restored.step, restored.stage) == (stopped.step, stopped.stage)
    restored.advance(8)
    a, b = whole.weights(), restored.weights()
    assert all(np.array_equal(a[name], b[name]) for name in a)
    assert whole.grid() == restored.grid()
    assert whole.mean_loss() == restored.mean_loss()


def test_folder_without_one_is_begun_anew(leaves: tuple[Pair, ...], tmp_path: Path) -> None:
    assert not restore_checkpoint(tmp_path, trainer(leaves))


def test_kill_while_it_is_written_leaves_the_old_one(
    leaves: tuple[Pair, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trainer(leaves)
    run.advance(1)
    save_checkpoint(tmp_path, run)
    old = (tmp_path / NAME).read_bytes()
    run.advance(2)

    def killed(part: Path, target: Path) -> Path:
        part.write_bytes(part.read_bytes()[:100])
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", killed)
        with pytest.raises(SystemExit):
            save_checkpoint(tmp_path, run)
    assert (tmp_path / NAME).read_bytes() == old
    restored = trainer(leaves)
    restore_checkpoint(tmp_path, restored)
    assert restored.step == 1
    save_checkpoint(tmp_path, run)  # what was left of the part is in nobody's way
    restore_checkpoint(tmp_path, restored)
    assert restored.step == 2


@pytest.mark.parametrize("damage", ["cut", "empty", "header", "noise", "no description"])
def test_damage_is_one_line(leaves: tuple[Pair, ...], tmp_path: Path, damage: str) -> None:
    run = trainer(leaves)
    run.advance(1)
    save_checkpoint(tmp_path, run)
    file = tmp_path / NAME
    content = file.read_bytes()
    header = json.dumps({}).encode()
    file.write_bytes(
        {
            "cut": content[: len(content) // 2],
            "empty": b"",
            "header": b"\xff" * 8 + content[8:],
            "noise": np.random.default_rng(0).bytes(4000),
            "no description": len(header).to_bytes(8, "little") + header,
        }[damage]
    )
    with pytest.raises(TrainingError) as caught:
        restore_checkpoint(tmp_path, trainer(leaves))
    assert caught.value.message.startswith(f"{file} is damaged or of another training: ")
    assert "\n" not in caught.value.message
    assert caught.value.hint == "train anew in another folder"


def test_other_trainings_are_refused(leaves: tuple[Pair, ...], tmp_path: Path) -> None:
    run = trainer(leaves)
    run.advance(6)
    save_checkpoint(tmp_path, run)
    shorter = Recipe("r", "", (FLOAT,))
    with pytest.raises(TrainingError, match="of another training"):
        restore_checkpoint(tmp_path, trainer(leaves, recipe=shorter))
    other = Recipe("r", "", (FLOAT, FLOAT))
    with pytest.raises(TrainingError, match="of another training"):
        restore_checkpoint(tmp_path, trainer(leaves, recipe=other))
