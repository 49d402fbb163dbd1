"""`nas data`: what a person and a script see of it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from nas.cli.main import main
from nas.data import catalog
from nas.data.catalog import Download, ImageSet, Source
from tests.data.servers import Server, file, serving
from tests.data.test_unpack import zipped


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    with serving() as running:
        yield running


@pytest.fixture
def work(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, and a catalogue of one small set, one on request, one not there."""
    body = zipped(tmp_path / "s.zip", {"HR/1.png": b"one", "HR/2.png": b"two"}).read_bytes()
    small = Download(server.serve("/s.zip", file(body)), "Small", size_bytes=len(body))
    gone = Download(f"{server.url}/gone.zip", "Gone")

    def entry(name: str, *downloads: Download) -> ImageSet:
        sources = (Source("them", downloads),) if downloads else ()
        title = name.capitalize()
        return ImageSet(name, title, 2, "to test", title, "free", "X", "http://x", sources)

    sets = (entry("small", small), entry("asked"), entry("gone", gone))
    monkeypatch.setattr(catalog, "all_sets", lambda: sets)
    monkeypatch.delenv("NAS_DATA", raising=False)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def run(line: str, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setattr("sys.argv", line.split())
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code


def test_fetch_prints_the_folder_and_nothing_else(
    work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("nas data fetch small", monkeypatch) == 0
    shown = capsys.readouterr()
    assert shown.out == "data/Small\n"
    lines = shown.err.splitlines()
    assert lines[:5] == [
        "Small: 2 images",
        "  licence   free",
        "  described http://x",
        "  cite      X",
        "  from      them, 0.0 MB",
    ]
    assert "  s.zip 2 of 2 images" in lines
    assert lines[-1] == "Small is complete in data/Small"
    assert (work / "data/Small/HR/2.png").read_bytes() == b"two"


def test_fetching_again_says_so(
    work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run("nas data fetch small", monkeypatch)
    capsys.readouterr()
    assert run("nas data fetch SMALL small", monkeypatch) == 0
    shown = capsys.readouterr()
    assert shown.out == "data/Small\ndata/Small\n"
    assert set(shown.err.splitlines()) == {"Small is complete in data/Small"}


@pytest.mark.parametrize("how", ["--to", "NAS_DATA"])
def test_the_folder_can_be_chosen(
    how: str,
    work: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if how == "NAS_DATA":
        monkeypatch.setenv("NAS_DATA", "elsewhere")
    assert (
        run(f"nas data fetch small {'--to elsewhere' if how == '--to' else ''}", monkeypatch) == 0
    )
    assert capsys.readouterr().out == "elsewhere/Small\n"
    assert (work / "elsewhere/Small/HR/1.png").is_file()


def test_list_says_what_is_here(
    work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run("nas data fetch small", monkeypatch)
    capsys.readouterr()
    assert run("nas data list", monkeypatch) == 0
    table = capsys.readouterr().out
    rows = {line.split()[0]: line for line in table.splitlines() if line.strip()}
    assert "data/Small" in rows["small"]
    assert "on request" in rows["asked"]
    assert "unknown" in rows["gone"]
    assert run("nas data list --json", monkeypatch) == 0
    small, asked, gone = json.loads(capsys.readouterr().out)
    assert (small["name"], small["complete"], small["folder"]) == ("small", True, "data/Small")
    assert small["sources"][0]["downloads"][0]["url"].endswith("/s.zip")
    assert asked["sources"] == []
    assert gone["complete"] is False
    shutil.rmtree(work / "data/Small")
    run("nas data list --json", monkeypatch)
    assert json.loads(capsys.readouterr().out)[0]["complete"] is False


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("nowhere", "there is no image set 'nowhere' (known: small, asked, gone)"),
        ("small nowhere", "there is no image set 'nowhere' (known: small, asked, gone)"),
        (
            "asked",
            "Asked is given out on request only "
            "(ask at http://x, then put its images into data/Asked)",
        ),
    ],
)
def test_bad_names_are_one_line_and_fetch_nothing(
    names: str,
    message: str,
    work: Path,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(f"nas data fetch {names}", monkeypatch) == 2
    shown = capsys.readouterr()
    assert shown.err == f"error: {message}\n"
    assert shown.out == ""
    assert server.requests == []
    assert list(work.iterdir()) == []


def test_a_failed_fetch_ends_with_one_line_and_leaves_nothing(
    work: Path, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("nas data fetch gone", monkeypatch) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"error: {server.url}/gone.zip: the server answers 404 Not Found (it may have moved)"
    )
    assert list(work.iterdir()) == []


def test_bars_are_drawn_on_a_terminal(
    work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    assert run("nas data fetch small", monkeypatch) == 0
    shown = capsys.readouterr()
    assert shown.out == "data/Small\n"
    assert "s.zip" in shown.err
    assert "2 of 2 images" in shown.err


def test_a_group_alone_shows_its_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("nas data", monkeypatch) == 2
    assert "Usage: nas data " in capsys.readouterr().out
