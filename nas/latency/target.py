"""The device that a calibration writes to: one that exists, its copy, or a new one."""

import json
import re
from pathlib import Path

from nas.errors import DeviceError
from nas.latency.backends import BACKENDS
from nas.latency.devices import Device, device_names, load_device, own_folder, read_device
from nas.latency.texts import write_texts

__all__ = ["TYPED", "find_backend", "is_known", "make_target"]

TYPED = "csv"  # stands for a back-end where a person types times in
_FOLDER = Path("latency_models")
_SIZE = (360, 640)  # of a new device's input: that of the challenges
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def find_backend(name: str, asked: str = "") -> str:
    """The back-end that measures the device `name`, which may be a new one.

    Raises:
        DeviceError: A device of another back-end than `asked`, or a new one without.
    """
    if asked and asked not in (*BACKENDS, TYPED):
        known = ", ".join((*BACKENDS, TYPED))
        raise DeviceError(f"there is no back-end {asked!r}", f"known: {known}")
    if not is_known(name):
        if not _NAME.fullmatch(name):
            raise DeviceError(
                f"{name!r} is no name for a device", "letters, digits, points, - and _ make one"
            )
        if not asked:
            raise DeviceError(
                f"there is no device {name!r} yet",
                "say with --backend what measures it, or see `nas latency devices`",
            )
        return asked
    device = load_device(name)
    if asked and device.backend and asked != device.backend:
        raise DeviceError(
            f"{device.name} is measured by {device.backend}, not by {asked}",
            "give --device a new name for the times of another back-end",
        )
    if asked not in ("", TYPED) and not device.backend and device.has_model:
        raise DeviceError(
            f"{device.name} is measured by no back-end: its rows were typed in",
            f"give --device a new name, and --from {device.name} to lean on its model",
        )
    return asked or device.backend or TYPED


def make_target(name: str, *, backend: str, what: str = "", parent: str = "") -> Device:
    """The device `name` in a folder that a person may write to; made where there is none.

    Args:
        name: Of a known device, or a new one.
        backend: That measures it.
        what: The hardware of a new device, in one line.
        parent: A device whose model the new one leans on; empty leaves what is there.

    Raises:
        DeviceError: A parent without a model, or files that cannot be written.
    """
    if parent:
        parent = _check_parent(name, parent)
    if not is_known(name):
        folder = Path.cwd() / _FOLDER / name
        text = _device_text(name, "" if backend == TYPED else backend, what, parent)
        write_texts({folder / "device.toml": text})
        return read_device(folder)
    folder = own_folder(load_device(name))
    path = folder / "device.toml"
    text = before = path.read_text(encoding="utf-8")
    if parent:
        text = _with(text, "parent", parent)
    if backend != TYPED:
        text = _with(text, "backend", backend)
    if text != before:
        write_texts({path: text})
    return read_device(folder)


def is_known(name: str) -> bool:
    """Whether there is a device `name`, or one in the folder `name`."""
    return name in device_names() or (Path(name) / "device.toml").is_file()


def _check_parent(name: str, parent: str) -> str:
    if name == parent:
        raise DeviceError(f"{name} cannot lean on itself", "give --from another device")
    device = load_device(parent)
    _ = device.model  # raises where there is none
    return device.name if device.name in device_names() else str(device.folder)


def _device_text(name: str, backend: str, what: str, parent: str) -> str:
    leans_on = load_device(parent) if parent else None
    height, width = (leans_on.height, leans_on.width) if leans_on else _SIZE
    texts = {
        "name": name,
        "description": what or f"{name}, by times that were typed in",
        "processor": what or "not said: write it here",
        "conditions": "stand in each row" if backend else "not said: write here what ran the files",
        "precision": "INT8",
    }
    size = f"height = {height}                    # of the low-resolution input, in pixels\n"
    lines = [*(f"{key} = {_quoted(text)}\n" for key, text in texts.items()), size]
    lines.append(f"width = {width}\n")
    named = {"backend": backend, "parent": parent}
    lines += [f"{key} = {_quoted(text)}\n" for key, text in named.items() if text]
    limit = "Networks were drawn at random from search spaces; others are an extrapolation."
    return "".join(lines) + f"\n[card]\nlimits = [\n    {_quoted(limit)},\n]\n"


def _with(text: str, key: str, value: str) -> str:
    """The text of a `device.toml` that says `key = value`."""
    wanted = f"{key} = {_quoted(value)}"
    lines = text.splitlines()
    if wanted in lines:
        return text
    lines = [line for line in lines if not re.match(rf"{key}\s*=", line)]
    place = next((i for i, line in enumerate(lines) if line.startswith("[")), len(lines))
    while place and not lines[place - 1].strip():
        place -= 1
    return "\n".join([*lines[:place], wanted, *lines[place:]]) + "\n"


def _quoted(text: str) -> str:
    """As TOML writes it, on one line."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return json.dumps(plain, ensure_ascii=False)
