"""Device folders: found by name or by path, a person's own before the shipped, refused by name."""

from pathlib import Path

import pytest

from nas.errors import DeviceError
from nas.latency import devices
from nas.latency.devices import device_names, load_device, own_folder, read_device

SHIPPED = (
    *("ethos-u55", "ethos-u65", "ethos-u85", "galaxy-a21s", "host-cpu", "mali-g71-mp2"),
    *("synaptics-vs680", "synaptics-vs680-2021", "synaptics-vs680-2021-cpu"),
    "synaptics-vs680-cpu",
)
MALI = load_device("mali-g71-mp2")


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder in no checkout."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(folder: Path, *, more: str = "", **texts: str) -> Path:
    """A folder with the `device.toml` of the Mali, altered, and one file beside it."""
    folder.mkdir(parents=True)
    lines = (MALI.folder / "device.toml").read_text(encoding="utf-8")
    lines = lines.replace(f'name = "{MALI.name}"', f'name = "{folder.name}"')
    for key, value in texts.items():
        lines = "\n".join(
            f'{key} = "{value}"' if line.startswith(f"{key} =") else line
            for line in lines.splitlines()
        )
    (folder / "device.toml").write_text(f"{more}\n{lines}", encoding="utf-8")
    (folder / "measurements.csv").write_text("device,network\n", encoding="utf-8")
    return folder


def test_shipped_devices_are_complete() -> None:
    assert device_names() == SHIPPED
    for name in SHIPPED:
        device = load_device(name)
        assert (device.name, device.height, device.width) == (name, 360, 640)
        assert device.parent in ("", *SHIPPED)
        assert device.limits
        if device.has_model:
            card = (device.folder / "card.md").read_text(encoding="utf-8")
            assert card.startswith(f"# {name}\n")


def test_shipped_devices_say_what_measures_them_and_whom_they_lean_on() -> None:
    backends = {name: load_device(name).backend for name in SHIPPED}
    assert {name: value for name, value in backends.items() if value} == {
        "ethos-u55": "vela",
        "ethos-u65": "vela",
        "ethos-u85": "vela",
        "host-cpu": "host-cpu",
    }
    parents = {name: load_device(name).parent for name in SHIPPED}
    assert {name: value for name, value in parents.items() if value} == {
        "synaptics-vs680-2021": "synaptics-vs680",
        "synaptics-vs680-2021-cpu": "synaptics-vs680-cpu",
    }


def test_the_npu_has_the_peak_of_its_data_sheet() -> None:
    peaks = {name: load_device(name).peak_macs_per_ms for name in SHIPPED}
    assert {name: peak for name, peak in peaks.items() if peak} == {
        "synaptics-vs680": 7e12 / 2 / 1000,  # 7 TOPS; 2 operations a MAC; 1000 ms
        "synaptics-vs680-2021": 7e12 / 2 / 1000,
    }


def test_an_unknown_device_lists_the_known_nearest_first(elsewhere: Path) -> None:
    with pytest.raises(DeviceError) as caught:
        load_device("synaptic-vs680")
    assert str(caught.value).startswith(
        "there is no device 'synaptic-vs680' (known, the nearest first: synaptics-vs680, "
    )
    assert str(caught.value).endswith("; or give a device's folder)")
    assert all(name in caught.value.hint for name in SHIPPED)


def test_no_device_at_all_is_said(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "share_folder", lambda name: elsewhere / "nothing")
    with pytest.raises(DeviceError, match="known, the nearest first: none; or give"):
        load_device("toaster")


def test_a_persons_own_device_is_found_in_the_current_folder(elsewhere: Path) -> None:
    folder = make(elsewhere / "latency_models" / "my-board", description="mine")
    assert device_names() == tuple(sorted((*SHIPPED, "my-board")))
    assert load_device("my-board").description == "mine"
    assert load_device("my-board").folder == folder
    assert load_device("mali-g71-mp2").folder == MALI.folder


def test_a_persons_own_device_wins_over_the_shipped_one(elsewhere: Path) -> None:
    folder = make(elsewhere / "latency_models" / "mali-g71-mp2", description="mine")
    assert device_names() == SHIPPED
    assert load_device("mali-g71-mp2").description == "mine"
    assert load_device("mali-g71-mp2").folder == folder


@pytest.mark.parametrize("how", ["{}", "boards/../boards/my-board", "./boards/my-board/"])
def test_a_device_is_found_by_its_folder(elsewhere: Path, how: str) -> None:
    folder = make(elsewhere / "boards" / "my-board")
    device = load_device(how.format(folder))
    assert (device.name, device.folder) == ("my-board", folder)
    assert "my-board" not in device_names()


def test_a_shipped_device_is_copied_before_a_person_writes_to_it(elsewhere: Path) -> None:
    own = own_folder(MALI)
    assert own == elsewhere / "latency_models" / "mali-g71-mp2"
    files = {path.name: path.read_bytes() for path in MALI.folder.iterdir()}
    assert {path.name: path.read_bytes() for path in own.iterdir()} == files
    (own / "measurements.csv").write_text("mine", encoding="utf-8")
    assert own_folder(load_device("mali-g71-mp2")) == own  # found there, and not copied again
    assert (own / "measurements.csv").read_text(encoding="utf-8") == "mine"
    assert MALI.measurements.read_bytes() == files["measurements.csv"]


def test_a_persons_own_folder_is_used_where_it_lies(elsewhere: Path) -> None:
    folder = make(elsewhere / "boards" / "my-board")
    assert own_folder(load_device(str(folder))) == folder
    assert not (elsewhere / "latency_models").exists()


def test_in_a_checkout_the_shipped_folder_is_the_own_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(MALI.folder.parents[1])
    assert own_folder(load_device("mali-g71-mp2")) == MALI.folder


def test_a_copy_never_overwrites(elsewhere: Path) -> None:
    rows = elsewhere / "latency_models" / "mali-g71-mp2" / "measurements.csv"
    rows.parent.mkdir(parents=True)
    rows.write_text("mine", encoding="utf-8")  # and no device.toml beside it
    with pytest.raises(DeviceError, match=f"^cannot copy {MALI.folder} to {rows.parent}: "):
        own_folder(load_device("mali-g71-mp2"))
    assert rows.read_text(encoding="utf-8") == "mine"


def test_a_device_file_that_lacks_a_line_is_named(tmp_path: Path) -> None:
    path = make(tmp_path / "my-board") / "device.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("height =", "tall ="), "utf-8")
    with pytest.raises(DeviceError) as caught:
        read_device(path.parent)
    assert str(caught.value) == f"{path} lacks 'height' (see the other devices)"


def test_a_misspelt_line_of_a_device_file_is_named(tmp_path: Path) -> None:
    path = make(tmp_path / "my-board", more='perent = "mali-g71-mp2"') / "device.toml"
    with pytest.raises(DeviceError) as caught:
        read_device(path.parent)
    assert str(caught.value) == (
        f"{path} has unknown keys perent (known: backend, card, conditions, description, "
        "height, name, parent, peak_macs_per_ms, precision, processor, width)"
    )


def test_a_device_goes_by_the_name_of_its_folder(tmp_path: Path) -> None:
    folder = make(tmp_path / "my-board").rename(tmp_path / "your-board")
    with pytest.raises(DeviceError) as caught:
        read_device(folder)
    assert str(caught.value) == (
        f"{folder / 'device.toml'}: the name is 'my-board' (its folder is 'your-board')"
    )


def test_a_device_without_a_model_says_how_to_make_one(tmp_path: Path) -> None:
    typed = read_device(make(tmp_path / "typed"))
    timed = read_device(make(tmp_path / "timed", more='backend = "host-cpu"'))
    assert (typed.has_model, timed.has_model, MALI.has_model) == (False, False, True)
    with pytest.raises(DeviceError) as caught:
        _ = typed.model
    assert str(caught.value) == "typed has no model (run `nas latency validate typed`)"
    with pytest.raises(DeviceError) as caught:
        _ = timed.model
    assert str(caught.value) == "timed has no model (run `nas latency calibrate --device timed`)"
    assert timed.way_to_measure == "measure it with `nas latency calibrate --device timed`"
    assert typed.way_to_measure == (
        "measure it with `nas latency calibrate --device typed --backend csv`"
    )
