"""`nas retarget` as a person and as a script see it."""

import json
import shutil
from pathlib import Path

import pytest

from nas.cli.main import main
from nas.search.loop import write_trials
from nas.search.storage import opened_storage, storage_url
from nas.search.study import existing_study
from tests.report.searched import searched

__all__ = ["searched"]


@pytest.fixture
def run(searched: Path, tmp_path: Path) -> str:
    folder = tmp_path / "run"
    shutil.copytree(searched, folder)
    with opened_storage(storage_url(None, folder)) as storage:
        write_trials(existing_study(storage, "run"), folder)
    return str(folder)


def nas(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *args: str
) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["nas", "retarget", *args])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0), *capsys.readouterr()


def test_front_and_best_are_told(
    run: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told, _ = nas(monkeypatch, capsys, run, "--device", "mali-g71-mp2")
    assert code == 0
    assert "PSNR of the search, predicted times" in " ".join(told.split())
    assert "Best: trial " in told


def test_json_has_every_network_best_first(
    run: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = (run, "--device", "mali-g71-mp2", "--json")
    told = json.loads(nas(monkeypatch, capsys, *asked)[1])
    scores = [network["score"] for network in told["networks"]]
    assert scores == sorted(scores, reverse=True)
    numbers = [network["number"] for network in told["networks"]]
    assert set(told["front"]) <= set(numbers)
    assert told["best"] in told["front"]


def test_unknown_device_is_one_line(
    run: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told, error = nas(monkeypatch, capsys, run, "--device", "toaster")
    assert (code, told) == (2, "")
    assert error.startswith("error: ")
    assert error.count("\n") == 1
