"""`nas runs prune` and `nas runs list` know of the cache of evaluations."""

from pathlib import Path

import pytest

from nas.cli.main import main
from nas.search.evaluation_cache import EvaluationCache

MEGABYTE = 2**20


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def nas(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *args: str
) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["nas", *args])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0), *capsys.readouterr()


def test_prune_empties_the_cache_and_tells_the_bytes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = EvaluationCache()
    cache.keep("key", {"weights": bytes(3 * MEGABYTE)})
    _, table, note = nas(monkeypatch, capsys, "runs", "list")
    assert "cache" not in table
    assert note == "cache of what they trained: 3.0 MB\n"
    code, told, note = nas(monkeypatch, capsys, "runs", "prune", "--cache")
    assert (code, told, note) == (0, f"{cache.folder}: 3.0 MB freed\n", "")
    assert cache.size_bytes() == 0
    assert nas(monkeypatch, capsys, "runs", "list")[2] == ""


def test_prune_of_nothing_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, error = nas(monkeypatch, capsys, "runs", "prune")
    assert (code, out) == (2, "")
    assert error == "error: there is nothing to prune (name runs, or give --cache)\n"
