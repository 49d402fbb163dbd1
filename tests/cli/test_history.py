"""`nas runs prune` and `nas runs list` know of the cache of evaluations."""

import json
from pathlib import Path

import pytest

from nas.cli.main import main
from nas.search.config import SearchConfig
from nas.search.evaluation_cache import EvaluationCache
from tests.report.conftest import write_run

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


def test_show_tells_the_best_under_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "searched")
    config = run / "config.json"
    config.write_text(json.dumps({**SearchConfig().to_json(), **json.loads(config.read_text())}))
    code, told, note = nas(monkeypatch, capsys, "runs", "show", str(run), "--json")
    assert (code, note) == (0, "")
    rows = json.loads(told)["best_under"]
    assert len(rows) > 2
    assert [row["latency_ms"] for row in rows] == sorted(row["latency_ms"] for row in rows)
    _, table, _ = nas(monkeypatch, capsys, "runs", "show", str(run))
    last = rows[-1]
    line = next(
        line for line in table.splitlines() if f"{last['psnr_int8_db']:.3f}" in line.split()
    )
    leader = last["trial_by_score"]
    by_score = "itself" if leader == last["trial"] else f"trial {leader}"
    assert line.split()[:1] == [f"{last['latency_ms']:.1f}"]
    assert f"{last['size_kib']:.1f} " in line
    assert f"{last['memory_mb']:.1f} " in line
    assert line.rstrip().endswith(by_score)
