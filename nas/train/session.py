"""A training in a folder: configuration, log, checkpoint, and at the end the trained network."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nas.data.metrics import psnr_db
from nas.data.patches import validation_crops
from nas.data.sets import Dataset
from nas.errors import TrainingError
from nas.graph import Graph
from nas.quantize.stored import store
from nas.readers.to_torch import image_tensor, in_uint8
from nas.train.checkpoint import restore_checkpoint, save_checkpoint
from nas.train.feed import Feed
from nas.train.stages import Recipe
from nas.train.trainer import Conditions, Trainer

__all__ = ["Progress", "Session", "TrainConfig"]

_READINGS = 20  # of a training
_SEGMENT = 500  # most steps between two looks at the clock
_CHECKPOINT_S = 60.0
_CROPS = 24
_CROP = 64  # low-resolution edge in pixels


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
    """Trains in a folder that exists; goes on where the folder has a checkpoint.

    Args:
        graph: The network.
        recipe: How it trains.
        dataset: Images.
        config: What the folder was or is now started with.
        folder: Where everything goes.
        conditions: As `config` says.

    Raises:
        TrainingError: The folder is of another training.
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
        smallest = min(min(pair.lr.shape[:2]) for pair in dataset.valid)
        self._lr, self._hr = validation_crops(
            dataset.valid, lr_size=min(_CROP, smallest), scale=config.scale, count=_CROPS
        )
        _write_json(folder / "config.json", asdict(config))
        restore_checkpoint(folder, self.trainer)
        self._readings = [r for r in read_log(folder) if r.step <= self.trainer.step]
        self._write_log()

    def train(self) -> Iterator[Progress | None]:
        """Trains to the end; yields readings, and None where others may train meanwhile."""
        trainer, saved = self.trainer, time.monotonic()
        marks = [round(trainer.steps * (i + 1) / _READINGS) for i in range(_READINGS)]
        for mark in sorted({mark for mark in marks if mark > trainer.step}):
            while trainer.step < mark:
                for _ in trainer.advancing(min(mark, trainer.step + _SEGMENT)):
                    yield None
                if trainer.step < mark and time.monotonic() - saved > _CHECKPOINT_S:
                    save_checkpoint(self.folder, trainer)
                    saved = time.monotonic()
            reading = self._reading()
            self._readings.append(reading)
            save_checkpoint(self.folder, trainer)
            self._write_log()
            saved = time.monotonic()
            yield reading
        store(self.folder, trainer.graph, trainer.weights(), trainer.grid())

    def _reading(self) -> Progress:
        trainer = self.trainer
        quality = psnr_db(
            in_uint8(trainer.upscaled(image_tensor(self._lr))), self._hr, shave=self._scale
        )
        return Progress(
            trainer.step, trainer.stage + 1, trainer.mean_loss(), trainer.learning_rate, quality
        )

    def _write_log(self) -> None:
        lines = [json.dumps(asdict(reading)) + "\n" for reading in self._readings]
        _write(self.folder / "log.jsonl", "".join(lines))


def read_log(folder: Path) -> list[Progress]:
    """The readings of a training folder; none where it has not begun."""
    file = folder / "log.jsonl"
    if not file.is_file():
        return []
    return [Progress(**json.loads(line)) for line in file.read_text().splitlines()]


def check_config(config: TrainConfig, folder: Path) -> None:
    """Whether a folder is empty or was started with the same configuration.

    Raises:
        TrainingError: Names each field that differs, or says that the folder is of something else.
    """
    file = folder / "config.json"
    if not file.is_file():
        return
    try:
        stored: dict[str, Any] = json.loads(file.read_text())
    except ValueError as error:
        raise TrainingError(f"{file} is no configuration: {error}", "take another folder") from None
    wanted = asdict(config)
    changed = [
        f"{name} was {stored.get(name)}, asked for {wanted[name]}"
        for name in wanted
        if stored.get(name) != wanted[name] and name != "network"
    ]
    if stored.get("network") != wanted["network"]:
        changed.insert(0, "it is of another network")
    if changed:
        raise TrainingError(
            f"{folder} was started otherwise: {'; '.join(changed)}",
            "resume with the same options, or take another folder",
        )


def _write_json(file: Path, value: object) -> None:
    _write(file, json.dumps(value, indent=2) + "\n")


def _write(file: Path, text: str) -> None:
    part = file.with_name(file.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(file)
