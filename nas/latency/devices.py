"""Devices by name: a folder of `latency_models` with `device.toml`, rows, model and card."""

import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nas.errors import DeviceError
from nas.latency.model import LatencyModel
from nas.readers.features import FEATURE_NAMES
from nas.share import share_folder

__all__ = ["Device", "Recipe", "device_names", "load_device"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Which terms a fit may use.

    Args:
        always: Features in every member of the average.
        optional: Each subset of these makes one member.
        peak_macs_per_ms: No network computes faster; 0 where the peak is not known.
    """

    always: tuple[str, ...]
    optional: tuple[str, ...]
    peak_macs_per_ms: float = 0.0

    def __post_init__(self) -> None:
        unknown = sorted({*self.always, *self.optional} - set(FEATURE_NAMES))
        if unknown:
            raise DeviceError(
                f"the fit asks for unknown features {', '.join(unknown)}",
                f"known: {', '.join(FEATURE_NAMES)}",
            )

    @property
    def terms(self) -> tuple[str, ...]:
        """All features, in the order of the model's coefficients."""
        return (*self.always, *self.optional)


@dataclass(frozen=True)
class Device:
    """One target, as its `device.toml` describes it.

    Args:
        name: As typed after `--device`.
        description: What it is, in one line.
        processor: What runs the network.
        conditions: The software of the fitted rows.
        precision: Of weights and activations.
        height: Of the low-resolution input, in pixels.
        width: Of the low-resolution input, in pixels.
        recipe: How its model is fitted.
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
    recipe: Recipe
    limits: tuple[str, ...]
    folder: Path

    @cached_property
    def model(self) -> LatencyModel:
        """The fitted model.

        Raises:
            DeviceError: `model.json` is absent or wrong.
        """
        path = self.folder / "model.json"
        if not path.is_file():
            raise DeviceError(f"{self.name} has no model", f"run `nas latency fit {self.name}`")
        return LatencyModel.from_json(path.read_text(encoding="utf-8"), where=str(path))

    @property
    def measurements(self) -> Path:
        """The rows that the model is fitted to."""
        return self.folder / "measurements.csv"


def device_names() -> tuple[str, ...]:
    """Names of the devices that this installation brought."""
    files = share_folder("latency_models").glob("*/device.toml")
    return tuple(sorted(file.parent.name for file in files))


def load_device(name: str) -> Device:
    """The device `name`.

    Raises:
        DeviceError: No such device, or its `device.toml` is wrong.
    """
    if name not in device_names():
        raise DeviceError(
            f"there is no device {name!r}", f"known: {', '.join(device_names()) or 'none'}"
        )
    return read_device(share_folder("latency_models") / name)


def read_device(folder: Path) -> Device:
    """The device of a folder; raises `DeviceError` where its `device.toml` is wrong."""
    path = folder / "device.toml"
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        fit = data["fit"]
        return Device(
            recipe=Recipe(
                always=tuple(fit["always"]),
                optional=tuple(fit["optional"]),
                peak_macs_per_ms=float(fit.get("peak_macs_per_ms", 0)),
            ),
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


_TEXTS = ("name", "description", "processor", "conditions", "precision")
