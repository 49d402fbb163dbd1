"""Devices by name: a folder of `latency_models` with `device.toml`, rows, model and card.

A person's own devices lie in `latency_models` of the current folder, those that the installation
brought beside the package or in it; of two with one name the own one counts.
"""

import shutil
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nas.errors import DeviceError
from nas.latency.models import AnyLatencyModel, read_model
from nas.share import share_folder

__all__ = ["Device", "device_names", "load_device", "own_folder", "read_device"]

_FOLDER = "latency_models"
_TEXTS = ("name", "description", "processor", "conditions", "precision")
_KEYS = {*_TEXTS, "height", "width", "parent", "backend", "peak_macs_per_ms", "card"}


@dataclass(frozen=True)
class Device:
    """One target, as its `device.toml` describes it.

    Args:
        name: As typed after `--device`; that of its folder.
        description: What it is, in one line.
        processor: What runs the network.
        conditions: The software of the fitted rows.
        precision: Of weights and activations.
        height: Of the low-resolution input, in pixels.
        width: Of the low-resolution input, in pixels.
        parent: A device whose model stands in where few rows of this one exist; may be empty.
        backend: What measures it here; empty where only published or typed rows exist.
        peak_macs_per_ms: No network computes faster; 0 where the peak is not known.
        limits: What a reader of its card must know.
        folder: Where its files lie.
    """

    name: str
    description: str
    processor: str
    conditions: str
    precision: str
    height: int
    width: int
    parent: str
    backend: str
    peak_macs_per_ms: float
    limits: tuple[str, ...]
    folder: Path

    @cached_property
    def model(self) -> AnyLatencyModel:
        """The fitted model.

        Raises:
            DeviceError: `model.json` is absent or wrong.
        """
        path = self.folder / "model.json"
        if not path.is_file():
            command = f"calibrate --device {self.name}" if self.backend else f"validate {self.name}"
            raise DeviceError(f"{self.name} has no model", f"run `nas latency {command}`")
        return read_model(path.read_text(encoding="utf-8"), where=str(path))

    @property
    def has_model(self) -> bool:
        """Whether it was fitted; a device may be there to show its rows alone."""
        return (self.folder / "model.json").is_file()

    @property
    def measurements(self) -> Path:
        """The rows that the model is fitted to."""
        return self.folder / "measurements.csv"

    @property
    def way_to_measure(self) -> str:
        """What a person does to have another network measured."""
        by_hand = "" if self.backend else " --backend csv"
        return f"measure it with `nas latency calibrate --device {self.name}{by_hand}`"


def device_names() -> tuple[str, ...]:
    """Names of a person's own devices and of those that the installation brought."""
    return tuple(sorted(_folders()))


def load_device(name: str) -> Device:
    """The device `name`, or the one in the folder `name`.

    Raises:
        DeviceError: No such device, or its `device.toml` is wrong.
    """
    folders = _folders()
    if name in folders:
        return read_device(folders[name])
    if (Path(name) / "device.toml").is_file():
        return read_device(Path(name).resolve())
    import difflib

    near = difflib.get_close_matches(name, folders, n=max(len(folders), 1), cutoff=0.0)
    raise DeviceError(
        f"there is no device {name!r}",
        f"known, the nearest first: {', '.join(near) or 'none'}; or give a device's folder",
    )


def read_device(folder: Path) -> Device:
    """The device of a folder; raises `DeviceError` where its `device.toml` is wrong."""
    path = folder / "device.toml"
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        device = Device(
            parent=str(data.get("parent", "")),
            backend=str(data.get("backend", "")),
            peak_macs_per_ms=float(data.get("peak_macs_per_ms", 0)),
            limits=tuple(data.get("card", {}).get("limits", ())),
            folder=folder,
            height=int(data["height"]),
            width=int(data["width"]),
            **{k: str(data[k]) for k in _TEXTS},
        )
    except KeyError as error:
        raise DeviceError(f"{path} lacks {error}", "see the other devices") from None
    except (OSError, ValueError, TypeError) as error:
        raise DeviceError(f"{path}: {error}", "mend it") from None
    if unknown := sorted(set(data) - _KEYS):
        known = ", ".join(sorted(_KEYS))
        raise DeviceError(f"{path} has unknown keys {', '.join(unknown)}", f"known: {known}")
    if device.name != folder.name:
        raise DeviceError(f"{path}: the name is {device.name!r}", f"its folder is {folder.name!r}")
    return device


def own_folder(device: Device) -> Path:
    """The folder of `device` that a person may write to.

    It is where the device lies, but for one that the installation brought: that is copied to
    `latency_models` of the current folder first.

    Raises:
        DeviceError: The copy cannot be made.
    """
    if device.folder.resolve().parent != share_folder(_FOLDER).resolve():
        return device.folder
    own = Path.cwd() / _FOLDER / device.name
    if own.resolve() != device.folder.resolve():
        try:
            shutil.copytree(device.folder, own)
        except OSError as error:
            raise DeviceError(f"cannot copy {device.folder} to {own}: {error}") from None
    return own


def _folders() -> dict[str, Path]:
    """Where each known device lies."""
    places = (share_folder(_FOLDER), Path.cwd() / _FOLDER)  # the last wins
    files = (file for place in places for file in place.glob("*/device.toml"))
    return {file.parent.name: file.parent for file in files}
