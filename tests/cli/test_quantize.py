"""`nas quantize` as a user meets it: one folder with the file, or one line and exit code 2."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.cli.main import main
from nas.quantize.calibration import calibrate
from nas.quantize.method import METHODS
from nas.quantize.stored import store
from nas.readers.to_torch import image_tensor
from nas.train.start import identity_start
from nas.zoo import zoo_graph

GRAPH = zoo_graph("XCAT")
WEIGHTS = identity_start(GRAPH, seed=0, gain=0.7)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("network")
    store(folder, GRAPH, WEIGHTS)
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for i in range(4):
        small = rng.integers(0, 256, (15, 15, 3), dtype=np.uint8)
        Image.fromarray(small).resize((120, 120), Image.Resampling.BICUBIC).save(
            folder / f"{i}.png"
        )
    return folder


def call(monkeypatch: pytest.MonkeyPatch, *words: object) -> object:
    monkeypatch.setattr("sys.argv", ["nas", "quantize", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code


def test_folder_has_file_figures_and_picture(
    tmp_path: Path,
    network: Path,
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    words = [network, "--data", photos, "--out", out, "--size", "48x64", "--sensitivity", "--json"]
    script = "from nas.cli.main import main; main()"
    # A process of its own: TensorFlow writes past what replaces stdout inside this one.
    command = [sys.executable, "-c", script, "quantize", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout)
    assert figures["psnr_litert_db"] == pytest.approx(figures["psnr_simulation_db"], abs=0.02)
    assert (out / "model.tflite").stat().st_size == figures["size_bytes"]
    assert "What plain rounding of a layer" in (out / "sensitivity.html").read_text()
    assert call(monkeypatch, network, "--out", out) == 2
    assert "exists (give --out a new folder)" in capsys.readouterr().err


def test_learned_grids_are_taken_and_said(
    tmp_path: Path,
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    patch = image_tensor(np.zeros((1, 16, 16, 3), np.uint8))
    learned = tmp_path / "learned"
    learned.mkdir()
    store(learned, GRAPH, WEIGHTS, calibrate(GRAPH, WEIGHTS, patch + 0.5))
    words = (learned, "--data", photos, "--out", tmp_path / "out", "--size", "48x64")
    assert call(monkeypatch, *words) == 0
    said = capsys.readouterr()
    assert "taking the grids that training found" in said.err
    assert "drop dB" in said.out


def test_the_help_names_every_method(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "--help") == 0
    assert set(METHODS) <= set(re.findall(r"[\w-]+", capsys.readouterr().out))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--method", "magic"], "there is no method 'magic' (--method is one of plain,"),
        (["--calibration", "guess"], "there is no calibration 'guess' (--calibration is one of"),
        (["--activations", "4"], "4 bits are not known (--activations is 8 or 16)"),
        (["--size", "big"], "'big' is no size (--size is height x width, such as 360x640)"),
        (["--representative", "nowhere"], "no such folder: nowhere"),
    ],
)
def test_wrong_options_are_one_line_and_leave_nothing(
    tmp_path: Path,
    network: Path,
    photos: Path,
    words: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    assert call(monkeypatch, network, "--data", photos, "--out", out, *words) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_folder_without_a_network_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, tmp_path, "--out", tmp_path / "out") == 2
    assert f"{tmp_path} holds no trained network, graph.txt is missing" in capsys.readouterr().err
