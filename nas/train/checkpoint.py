"""A training that was stopped, in two files: tensors, and what JSON can hold."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save

from nas.errors import TextError, TrainingError
from nas.quantize.stored import write_whole
from nas.train.trainer import Trainer

__all__ = ["dump", "restore", "restore_checkpoint", "save_checkpoint"]

_NAME = "checkpoint.safetensors"
_KEY = "training"  # of the description in the header of the file


def save_checkpoint(folder: Path, trainer: Trainer) -> None:
    """Replaces the checkpoint in `folder` as a whole, so that a kill leaves the old or the new."""
    write_whole(folder / _NAME, dump(trainer))


def dump(trainer: Trainer) -> bytes:
    """The state of a trainer as a safetensors file."""
    tensors, described = trainer.state()
    held = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return bytes(save(held, metadata={_KEY: json.dumps(described)}))


def restore(trainer: Trainer, content: bytes, where: str) -> None:
    """Brings a trainer to a dumped state.

    Args:
        trainer: Of the same network, recipe, images and seed.
        content: What `dump` gave.
        where: It was kept, for the message.

    Raises:
        TrainingError: It is damaged or of another training.
    """
    try:
        trainer.restore(load(content), _description(content))
    except (SafetensorError, TextError, LookupError, TypeError, ValueError, RuntimeError) as error:
        raise TrainingError(
            f"{where} is damaged or of another training: {' '.join(str(error).split())}",
            "train anew in another folder",
        ) from error


def restore_checkpoint(folder: Path, trainer: Trainer) -> bool:
    """Brings a trainer to the checkpoint in `folder`; False where there is none.

    Raises:
        TrainingError: The file is damaged or of another training.
    """
    file = folder / _NAME
    if not file.is_file():
        return False
    restore(trainer, file.read_bytes(), str(file))
    return True


def _description(content: bytes) -> dict[str, Any]:
    """The JSON in the header, which begins with its length in eight bytes."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    return dict(json.loads(header["__metadata__"][_KEY]))
