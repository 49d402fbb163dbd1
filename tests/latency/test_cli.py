"""`nas latency` as a user types it."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nas.cli.latency import app
from nas.cli.networks import read_network
from nas.errors import DeviceError, TextError, UsageError
from nas.graph import to_text
from nas.latency import devices
from nas.zoo import zoo_entry

RUN = CliRunner()


def test_a_network_is_a_zoo_name_or_a_file(tmp_path: Path) -> None:
    graph = zoo_entry("XCAT").build()
    path = tmp_path / "mine.txt"
    path.write_text(to_text(graph))
    assert read_network("zoo:xcat") == read_network("XCAT") == read_network(str(path)) == graph


def test_a_wrong_network_is_a_user_error(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("0 input(3); 1 cnov(4)")
    with pytest.raises(UsageError, match=r"^there is no published network 'nothing'"):
        read_network("nothing")
    with pytest.raises(TextError) as caught:
        read_network(str(path))
    assert str(caught.value).startswith(f"{path}: line 2: expected '1 op(...)', got '1 cnov(4)'")
    with pytest.raises(UsageError) as missing:
        read_network("gone.txt")
    assert str(missing.value) == (
        "gone.txt cannot be read: No such file or directory "
        "(give a file in the text form, or a zoo name)"
    )


def test_predict_prints_data_a_script_can_read() -> None:
    done = RUN.invoke(app, ["predict", "XCAT", "--device", "synaptics-vs680", "--json"])
    data = json.loads(done.stdout)
    assert sorted(data) == ["device", "high_ms", "latency_ms", "low_ms", "network"]
    assert data["low_ms"] < data["latency_ms"] < data["high_ms"]


def test_predict_prints_one_line() -> None:
    done = RUN.invoke(app, ["predict", "HOPN"])  # the device is that of `nas search`
    assert done.stdout == "15.3 ms on synaptics-vs680 (90 % interval 13.6 to 17.2 ms)\n"


def test_devices_names_all() -> None:
    done = RUN.invoke(app, ["devices", "--json"])
    assert [d["name"] for d in json.loads(done.stdout)] == list(devices.device_names())
    assert "24 rows of 22 graphs" in RUN.invoke(app, ["devices"]).stdout


def test_an_unknown_device_raises_a_user_error() -> None:
    done = RUN.invoke(app, ["predict", "XCAT", "--device", "toaster"])
    assert isinstance(done.exception, DeviceError)
    assert "there is no device 'toaster'" in str(done.exception)


def test_fit_writes_model_and_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = devices.load_device("mali-g71-mp2").folder
    target = tmp_path / "mali-g71-mp2"
    shutil.copytree(source, target)
    for name in ("model.json", "card.md"):
        (target / name).unlink()
    monkeypatch.setattr(devices, "share_folder", lambda name: tmp_path)
    done = RUN.invoke(app, ["fit", "mali-g71-mp2"])
    assert done.exit_code == 0
    assert done.stdout.startswith("this model: MAPE 3.2 %")
    assert (target / "card.md").read_text() == (source / "card.md").read_text()
    assert devices.load_device("mali-g71-mp2").model.smallest_ms == 205
