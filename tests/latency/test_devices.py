"""Device folders: found by name, refused by name."""

import shutil
from pathlib import Path

import pytest

from nas.errors import DeviceError
from nas.latency.devices import Recipe, device_names, load_device, read_device


def test_shipped_devices_are_complete() -> None:
    assert device_names() == ("mali-g71-mp2", "synaptics-vs680")
    for name in device_names():
        device = load_device(name)
        assert (device.name, device.height, device.width) == (name, 360, 640)
        assert (device.folder / "card.md").read_text(encoding="utf-8").startswith(f"# {name}\n")


def test_an_unknown_device_lists_the_known() -> None:
    with pytest.raises(DeviceError) as caught:
        load_device("toaster")
    expected = "there is no device 'toaster' (known: mali-g71-mp2, synaptics-vs680)"
    assert str(caught.value) == expected


def test_an_unknown_feature_is_refused() -> None:
    with pytest.raises(DeviceError, match=r"^the fit asks for unknown features warmth \(known: "):
        Recipe(always=("launches",), optional=("warmth",))


def test_a_device_file_that_lacks_a_line_is_named(tmp_path: Path) -> None:
    text = (load_device("mali-g71-mp2").folder / "device.toml").read_text(encoding="utf-8")
    (tmp_path / "device.toml").write_text(text.replace("height =", "tall ="))
    with pytest.raises(DeviceError) as caught:
        read_device(tmp_path)
    expected = f"{tmp_path / 'device.toml'} lacks 'height' (see the other devices)"
    assert str(caught.value) == expected


def test_a_device_without_a_model_says_how_to_make_one(tmp_path: Path) -> None:
    shutil.copy(load_device("mali-g71-mp2").folder / "device.toml", tmp_path)
    device = read_device(tmp_path)
    with pytest.raises(DeviceError) as caught:
        _ = device.model
    assert str(caught.value) == "mali-g71-mp2 has no model (run `nas latency fit mali-g71-mp2`)"
