"""Where a calibration writes: a known device, its copy, or a new one that reads back as written."""

from pathlib import Path

import pytest

from nas.errors import DeviceError
from nas.latency.devices import load_device
from nas.latency.target import TYPED, find_backend, make_target


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("device", "asked", "found"),
    [
        ("ethos-u65", "", "vela"),
        ("ethos-u65", "vela", "vela"),
        ("synaptics-vs680", "", TYPED),
        ("galaxy-a21s", "adb", "adb"),
        ("new", "adb", "adb"),
        ("new", TYPED, TYPED),
    ],
)
def test_what_measures_a_device(device: str, asked: str, found: str) -> None:
    assert find_backend(device, asked) == found


@pytest.mark.parametrize(
    ("device", "asked", "message"),
    [
        ("ethos-u65", "host-cpu", "ethos-u65 is measured by vela, not by host-cpu (give --device "),
        ("ethos-u65", TYPED, "ethos-u65 is measured by vela, not by csv (give --device a new name"),
        ("synaptics-vs680", "adb", "synaptics-vs680 is measured by no back-end: its rows were "),
        ("new", "", "there is no device 'new' yet (say with --backend what measures it, or see"),
        ("a/b", "adb", "'a/b' is no name for a device (letters, digits, points, - and _ make"),
        ("new", "abd", "there is no back-end 'abd' (known: adb, host-cpu, vela, csv)"),
    ],
)
def test_what_does_not_fit_is_refused(device: str, asked: str, message: str) -> None:
    with pytest.raises(DeviceError) as caught:
        find_backend(device, asked)
    assert str(caught.value).startswith(message)


def test_a_new_device_reads_back_as_it_was_written(elsewhere: Path) -> None:
    what = 'A "phone" \\ of\ttests\x07'
    made = make_target("new", backend="adb", what=what, parent="synaptics-vs680")
    assert made == load_device("new")
    assert made.folder == elsewhere / "latency_models" / "new"
    assert (made.description, made.backend) == ('A "phone" \\ of tests', "adb")
    assert (made.parent, made.height, made.width) == ("synaptics-vs680", 360, 640)
    assert made.limits


def test_times_that_are_typed_in_need_no_back_end() -> None:
    made = make_target("new", backend=TYPED)
    assert (made.backend, made.parent, made.has_model) == ("", "", False)
    assert find_backend("new") == TYPED


def test_a_shipped_device_is_copied_and_told_its_parent(elsewhere: Path) -> None:
    shipped = load_device("galaxy-a21s")
    before = (shipped.folder / "device.toml").read_text(encoding="utf-8")
    made = make_target("galaxy-a21s", backend="adb", parent="mali-g71-mp2")
    assert made.folder == elsewhere / "latency_models" / "galaxy-a21s"
    assert (made.parent, made.backend) == ("mali-g71-mp2", "adb")
    assert (made.description, made.limits) == (shipped.description, shipped.limits)
    assert made.measurements.read_bytes() == shipped.measurements.read_bytes()
    assert (shipped.folder / "device.toml").read_text(encoding="utf-8") == before
    again = make_target("galaxy-a21s", backend="adb", parent="synaptics-vs680")
    assert again.parent == "synaptics-vs680"
    assert make_target("galaxy-a21s", backend="adb") == again


@pytest.mark.parametrize(
    ("parent", "message"),
    [
        ("toaster", "there is no device 'toaster' "),
        ("galaxy-a21s", "galaxy-a21s has no model (run "),
        ("new", "new cannot lean on itself (give --from another device)"),
    ],
)
def test_a_parent_without_a_model_is_refused_and_nothing_is_made(
    elsewhere: Path, parent: str, message: str
) -> None:
    with pytest.raises(DeviceError) as caught:
        make_target("new", backend="adb", parent=parent)
    assert str(caught.value).startswith(message)
    assert not (elsewhere / "latency_models").exists()
