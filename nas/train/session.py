"""A training in a folder: configuration, log, checkpoint, and at the end the trained network."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from nas.data.metrics import psnr_db
from nas.data.patches import standard_crops
from nas.data.sets import Dataset
from nas.errors import TrainingError
from nas.graph import Graph
from nas.quantize.stored import store, write_whole
from nas.readers.to_torch import image_tensor, in_uint8
from nas.train.checkpoint import restore_checkpoint, save_checkpoint
from nas.train.feed import Feed
from nas.train.stages import Recipe
from nas.train.trainer import Conditions, Trainer

__all__ = ["Progress", "Session", "TrainConfig", "check_config", "read_log", "stored_config"]

_READINGS = 20  # of a training
_CHECKPOINT_S = 60.0
_CROPS = 24


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Everything that decides what a training gives; a folder is resumed with the same only.

    Args:
        network: Its text form.
        recipe: Name.
        data: Images to train on, as `nas.data.sets.load_dataset` takes them.
        valid: Images to validate on, where `data` should not be split.
        digest: Of all these images.
        scale: Upscaling factor.
        seed: Of start and patches.
        steps: Of all stages together.
        device: As torch names it.
        precision: Of convolutions.
        begin: Digest of the weights to begin with, where they are given.
    """

    network: str
    recipe: str
    data: str
    valid: str | None
    digest: str
    scale: int
    seed: int
    steps: int
    device: str
    precision: str
    begin: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """A reading: where a training is.

    Args:
        step: Steps done.
        stage: Of the recipe, from 1.
        loss: Mean since the last reading.
        learning_rate: Of the last step.
        psnr_db: Of the network as it is now, RGB, on the validation crops, `scale` pixels shaved.
    """

    step: int
    stage: int
    loss: float
    learning_rate: float
    psnr_db: float


class Session:
    """Trains in a folder; goes on where the folder has a checkpoint.

    Nothing is written before it begins.

    Args:
        graph: The network.
        recipe: How it trains.
        dataset: Images.
        config: What the folder was or is now started with.
        folder: Where everything goes.
        conditions: As `config` says.

    Raises:
        TrainingError: The folder is of another training, or of something else.
    """

    def __init__(
        self,
        graph: Graph,
        recipe: Recipe,
        dataset: Dataset,
        config: TrainConfig,
        *,
        folder: Path,
        conditions: Conditions,
    ) -> None:
        self.folder = folder
        self._config = config
        self._scale = config.scale
        check_config(config, folder)
        feed = Feed(dataset.train, scale=config.scale, seed=config.seed)
        self.trainer = Trainer(graph, recipe, feed, conditions)
        self._lr, self._hr = standard_crops(dataset.valid, scale=config.scale, count=_CROPS)
        restore_checkpoint(folder, self.trainer)
        self._readings = [r for r in read_log(folder) if r.step <= self.trainer.step]

    def begin(self) -> None:
        """Makes the folder and says in it what it is.

        Raises:
            TrainingError: It cannot be written.
        """
        with _written(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            text = json.dumps(asdict(self._config), indent=2) + "\n"
            write_whole(self.folder / "config.json", text.encode())

    def train(self, stopped: Callable[[], bool] = lambda: False) -> Iterator[Progress | None]:
        """Trains to the end; yields readings, and None where others may train meanwhile.

        Args:
            stopped: Asked after each step; if so, the step is saved and the training left.

        Raises:
            TrainingError: The folder cannot be written, or the loss is no longer finite.
        """
        self.begin()
        trainer = self.trainer
        marks = [round(trainer.steps * (i + 1) / _READINGS) for i in range(_READINGS)]
        for mark in sorted({mark for mark in marks if mark > trainer.step}):
            saved = time.monotonic()
            for finished in trainer.advancing(mark):
                yield None
                overdue = time.monotonic() - saved > _CHECKPOINT_S
                if finished and trainer.step < mark and (overdue or stopped()):
                    self._save()
                    saved = time.monotonic()
                    if stopped():
                        return
            reading = self._reading()
            self._readings.append(reading)
            self._save()
            yield reading
            if stopped() and mark < trainer.steps:
                return
        with _written(self.folder):
            store(self.folder, trainer.graph, trainer.weights(), trainer.grid())

    def _reading(self) -> Progress:
        trainer = self.trainer
        quality = psnr_db(
            in_uint8(trainer.upscaled(image_tensor(self._lr))), self._hr, shave=self._scale
        )
        return Progress(
            trainer.step, trainer.stage + 1, trainer.mean_loss(), trainer.learning_rate, quality
        )

    def _save(self) -> None:
        """The log first: with an older checkpoint its last readings are only made again."""
        lines = [json.dumps(asdict(reading)) + "\n" for reading in self._readings]
        with _written(self.folder):
            write_whole(self.folder / "log.jsonl", "".join(lines).encode())
            save_checkpoint(self.folder, self.trainer)


def read_log(folder: Path) -> list[Progress]:
    """The readings of a training folder; none where it has not begun."""
    file = folder / "log.jsonl"
    if not file.is_file():
        return []
    return [Progress(**json.loads(line)) for line in file.read_text().splitlines()]


def check_config(config: TrainConfig, folder: Path) -> None:
    """Whether a folder is new or empty, or was started with the same configuration.

    Raises:
        TrainingError: Names each field that differs, or says that the folder is of something else.
    """
    stored = stored_config(folder)
    if stored is None:
        return
    wanted = asdict(config)
    if stored.get("digest") == wanted["digest"]:  # the same images by another name
        stored |= {name: wanted[name] for name in ("data", "valid")}
    changed = [
        f"{name} was {stored[name]}, asked for {wanted[name]}"
        for name in wanted
        if stored[name] != wanted[name] and name != "network"
    ]
    if stored["network"] != wanted["network"]:
        changed.insert(0, "it is of another network")
    if changed:
        raise TrainingError(
            f"{folder} was started otherwise: {'; '.join(changed)}",
            "resume with the same options, or take another folder",
        )


def stored_config(folder: Path) -> dict[str, Any] | None:
    """What a folder was started with, by field of `TrainConfig`; None where it is new or empty.

    Raises:
        TrainingError: It is of something else.
    """
    hint = "give a new folder, or one that `nas train` began"
    if not folder.exists():
        return None
    if not folder.is_dir():
        raise TrainingError(f"{folder} is no folder", hint)
    file = folder / "config.json"
    try:
        stored: object = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if all(held.name.startswith(".") for held in folder.iterdir()):
            return None
        raise TrainingError(f"{folder} holds something else than a training", hint) from None
    except (OSError, ValueError) as error:
        raise TrainingError(f"{file} cannot be read: {error}", hint) from error
    if not isinstance(stored, dict) or not {f.name for f in fields(TrainConfig)} <= set(stored):
        raise TrainingError(f"{folder} holds something else than a training", hint)
    return stored


@contextmanager
def _written(folder: Path) -> Iterator[None]:
    """Says so where a folder cannot be written, and leaves no half of a file."""
    try:
        yield
    except OSError as error:
        for part in folder.glob("*.part"):
            part.unlink(missing_ok=True)
        raise TrainingError(
            f"{folder} cannot be written: {error.strerror}",
            "free the disk, or give a folder that you may write; then go on from the checkpoint",
        ) from error
