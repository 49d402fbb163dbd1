"""The compiled file of a package: Arm's compiler really runs."""

import json
from pathlib import Path

import pytest

from nas.errors import DeviceError
from nas.export.tflite_content import read_content
from nas.export.vela import compile_for_ethos
from nas.export.verify import check_package
from nas.export.wishes import Wishes
from tests.export.conftest import SIZE, make_package, small_graph


def test_package_has_the_compiled_file_and_its_estimate(finalist: Path, tmp_path: Path) -> None:
    folder = tmp_path / "package"
    notes = make_package(finalist, folder, Wishes(size=SIZE, vela="ethos-u65"))
    assert "compiling for ethos-u65" in notes
    compiled = read_content((folder / "vela" / "model_vela.tflite").read_bytes())
    assert set(compiled.custom) == {"ethos-u"}  # its own op, which its driver runs
    estimate = json.loads((folder / "vela" / "estimate.json").read_text())
    assert estimate["accelerator"] == "ethos-u65"
    assert estimate["latency_ms"] == pytest.approx(sum(estimate["node_ms"]))
    assert "left to the CPU: DepthToSpace" in estimate["note"]
    assert (folder / "vela" / "model_per-layer.csv").read_text().count("\n") > 4
    text = " ".join((folder / "card.md").read_text().split())
    assert f"{estimate['latency_ms']:.2f} ms estimated by Vela 5" in text
    assert check_package(folder) == ()


def test_an_unknown_accelerator_writes_nothing(finalist: Path, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"^Vela knows no accelerator 'toaster' "):
        compile_for_ethos(small_graph(), "toaster", finalist, tmp_path / "vela")
