"""README and docs are true: their commands run, in their order, and their links lead somewhere.

Commands run as they stand but for their length: budgets and steps are cut, the search measures by
a stand-in, a fetch and a timer find one, too. What later commands read of a run is a real one of a
few steps.
"""

import os
import re
import runpy
import shlex
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen
from wsgiref.simple_server import WSGIServer

import pytest

from nas.cli.main import main
from nas.data import fetch
from nas.graph import Graph
from nas.latency import backends, calibrate, sample, table
from nas.search import bench, measure, on_the_spot
from nas.search.config import SearchConfig
from nas.search.effort import SEARCH
from nas.search.events import Silent
from nas.search.run import join, resume, start
from tests.latency.stand_in import CONDITIONS, StandIn
from tests.pages import PAGES, ROOT, blocks, commands, lay_out
from tests.quick import QUICK, QuickBench

SHORTER = (  # what a page says, what is run
    (r"--budget \d+", "--budget 3"),
    (r"--budget-steps \d+", "--budget-steps 6"),
    (r"#\d+", "#0"),
    (r"--trial \d+", "--trial 0"),
    (r"--port \d+", "--port 0"),
    (r"^(nas dashboard (?!.*--port).*)$", r"\1 --port 0"),
    (r"^(nas latency calibrate .*)$", r"\1 --samples 8 --fresh 1"),
    (r"^(nas train (?!.*--budget-steps).*)$", r"\1 --budget-steps 6"),
    (r"^(nas export (?!.*(--size|--free-size|--check)).*)$", r"\1 --size 36x64"),
    (r"--size \d+x\d+", "--size 36x64"),
)


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A desk with a finished run, `runs/fast`, which really trained, converted and measured."""
    desk = tmp_path_factory.mktemp("desk")
    lay_out(desk)
    before = Path.cwd()
    os.chdir(desk)
    try:
        config = SearchConfig(budget=3, data="photos", workers=2)
        start(config, name="fast", watch=Silent(), bench=QUICK)
    finally:
        os.chdir(before)
    return desk


@pytest.fixture
def desk(furnished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the desk to work at, where nothing takes long or leaves this machine."""
    shutil.copytree(furnished, tmp_path / "desk")
    monkeypatch.chdir(tmp_path / "desk")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for function in (start, resume, join):
        assert function.__kwdefaults__ is not None
        monkeypatch.setitem(function.__kwdefaults__, "bench", "tests.search.fakes:Converting")
    monkeypatch.setattr(bench, "TrainingBench", QuickBench)
    monkeypatch.setattr(fetch, "fetch_set", lambda known, to, *asked, **options: to)
    for module in (backends, measure):
        monkeypatch.setattr(module, "open_backend", stopwatch)
    monkeypatch.setattr(measure, "input_size", lambda file: (360, 640))
    monkeypatch.setattr(on_the_spot, "SEARCH", replace(SEARCH, rungs=(2,)))
    for module in (calibrate, table):
        monkeypatch.setattr(module, "measurable_file", empty_file)
    monkeypatch.setattr(calibrate, "check_hardware", lambda *asked: None)
    monkeypatch.setattr(sample, "_DRAWN", 120)
    monkeypatch.setattr(WSGIServer, "serve_forever", serve_once)
    return tmp_path / "desk"


def stopwatch(*asked: str, **options: object) -> StandIn:
    """Times nothing, at the size of the challenges."""
    return StandIn(replace(CONDITIONS, height=360, width=640))


def empty_file(graph: Graph, *, height: int, width: int, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / f"{graph.digest}.tflite"
    file.touch()
    return file


def serve_once(server: WSGIServer) -> None:
    """A dashboard that somebody asks for its studies, once."""
    asked = threading.Thread(
        target=lambda: urlopen(f"http://127.0.0.1:{server.server_port}/api/studies").close()
    )
    asked.start()
    server.handle_request()
    asked.join()


def shortened(line: str) -> str:
    for said, run_as in SHORTER:
        line = re.sub(said, run_as, line)
    return line


def call(line: str, monkeypatch: pytest.MonkeyPatch) -> object:
    """The exit code of a command line."""
    monkeypatch.setattr("sys.argv", shlex.split(line))
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code


def follow(line: str, desk: Path, furnished: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """Runs a command of a page; a run that it searched becomes a copy of the real one."""
    is_search = line.startswith("nas search") and "--resume" not in line
    if is_search and (named := re.search(r"--run (\S+)", line)):
        shutil.rmtree(desk / "runs" / named[1], ignore_errors=True)  # of the desk
    code = call(shortened(line), monkeypatch)
    if is_search:
        searched = max((desk / "runs").iterdir(), key=lambda folder: folder.stat().st_mtime)
        shutil.rmtree(searched)
        shutil.copytree(furnished / "runs/fast", searched)
    return code


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_of_a_page_succeed_in_their_order(
    page: Path,
    desk: Path,
    furnished: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for line in commands(page):
        code = follow(line, desk, furnished, monkeypatch)
        assert code == 0, f"{line}\n{capsys.readouterr().err}"


CODE = [
    (page, place)
    for page in PAGES
    for place, block in enumerate(blocks(page))
    if block.language == "python" and page.name != "android.md"  # in tests/export/test_guides.py
]


@pytest.mark.parametrize(("page", "place"), CODE, ids=lambda found: getattr(found, "stem", None))
def test_python_of_a_page_runs(page: Path, place: int, desk: Path) -> None:
    script = desk / "block.py"
    script.write_text(blocks(page)[place].text, encoding="utf-8")
    runpy.run_path(str(script))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        name, _, heading = target.partition("#")
        if name.startswith(("http://", "https://")):
            continue
        led = (page.parent / name).resolve() if name else page
        assert led.exists(), target
        if heading:
            assert heading in headings(led), target


def headings(page: Path) -> set[str]:
    """Anchors of a page, as sites make them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}
