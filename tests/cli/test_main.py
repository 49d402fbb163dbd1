"""The command line as a process: exit codes, messages, and what `--help` must not import."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.cli.main import main
from nas.graph import to_text
from nas.zoo import zoo_entry

CALL = "import sys; from nas.cli.main import main; sys.argv[0] = 'nas'; main()"


def nas(*args: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", CALL, *args]
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    heavy = ["torch", "tensorflow", "optuna", "numpy", "pandas", "networkx", "plotly", "scipy"]
    code = (
        "import sys\nfrom nas.cli.main import main\nsys.argv = ['nas', '--help']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_xcat_is_counted_exactly(tmp_path: Path) -> None:
    done = nas("zoo", "show", "xcat", "--json", cwd=tmp_path)
    facts = json.loads(done.stdout)
    assert facts["parameters"] == 16_023
    assert facts["macs"] == 640 * 360 * 15_966
    assert "3,678,566,400 (3.679 G)" in nas("zoo", "show", "XCAT", cwd=tmp_path).stdout


def test_zoo_draw_writes_a_picture(tmp_path: Path) -> None:
    assert nas("zoo", "draw", "xlsr", "--out", "x.svg", cwd=tmp_path).returncode == 0
    assert "<svg" in (tmp_path / "x.svg").read_text()


def test_space_show_says_the_size(tmp_path: Path) -> None:
    shown = json.loads(nas("space", "show", "hxnet", "--json", cwd=tmp_path).stdout)
    listed = json.loads(nas("space", "list", "--json", cwd=tmp_path).stdout)
    assert shown["size"] == next(s["size"] for s in listed if s["name"] == "hxnet") > 100_000
    assert "XCAT" in shown["known"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "empty").mkdir()
    rng = np.random.default_rng(0)
    for name, size in (("tiny", 30), ("truncated", 300), ("good", 120)):
        (tmp_path / name).mkdir()
        for i in range(2):
            pixels = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    for path in (tmp_path / "truncated").iterdir():
        path.write_bytes(path.read_bytes()[:2000])
    (tmp_path / "syntax.py").write_text("from nas.space import Space\nspace = Space(")
    (tmp_path / "twice.py").write_text(
        "from nas.space import Choice, Space\n"
        "space = Space('twice', (Choice('a', (1,)), Choice('a', (1,))), build=None)\n"
    )
    (tmp_path / "runs" / "old").mkdir(parents=True)
    return tmp_path


BAD = [  # arguments of `nas search`, part of the message
    ("--space nowhere", "there is no space 'nowhere'"),
    ("--space nowhere.py", "there is no file nowhere.py"),
    ("--space syntax.py", "syntax.py, line 2: '(' was never closed"),
    ("--space twice.py", "choice 'a' is there twice"),
    ("--device pdp11", "there is no device 'pdp11'"),
    ("--data missing", "missing"),
    ("--data empty", "empty"),
    ("--data tiny", "tiny"),
    ("--data truncated", "truncated"),
    ("--budget 0", "budget 0 is under 1"),
    ("--budget many", "Invalid value for '--budget'"),
    ("--workers 0", "0 workers are too few"),
    ("--scale 7", "space 'hxnet' has no scale 7"),
    ("--max-latency-ms -1", "latency limit -1 ms is not positive"),
    ("--sampler best", "there is no sampler 'best'"),
    ("--score best", "there is no score 'best'"),
    ("--measure fax", "there is no back-end 'fax'"),
    ("--measure vela", "synaptics-vs680 is not measured by vela but by no back-end"),
    ("--storage mysql://127.0.0.1:1/x", "storage mysql://127.0.0.1:1/x does not answer"),
    ("--storage nonsense", "storage nonsense does not answer"),
    ("--run old", "runs/old exists"),
    ("--run none --resume", "there is no run in runs/none"),
    ("--resume", "there is no run in runs/"),
    ("--wrong", "--wrong"),
]


@pytest.mark.parametrize(("args", "message"), BAD)
def test_bad_input_is_one_line_and_leaves_nothing(
    folder: Path,
    args: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = sorted(folder.rglob("*"))
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.argv", ["nas", "search", "--data", "good", *args.split()])
    with pytest.raises(SystemExit) as end:
        main()
    shown = capsys.readouterr()
    assert (end.value.code, shown.out) == (2, "")
    lines = [line for line in shown.err.splitlines() if not line.startswith("skipped ")]
    assert len(lines) == 1, shown.err
    assert lines[0].startswith("error: ")
    assert message in lines[0]
    assert lines[0].endswith(")")  # the hint
    assert sorted(folder.rglob("*")) == before


def test_an_unknown_network_is_one_line(tmp_path: Path) -> None:
    done = nas("zoo", "show", "xcet", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(
        "error: there is no published network 'xcet' (the nearest names are XCAT"
    )


def run(line: str, monkeypatch: pytest.MonkeyPatch) -> object:
    """The exit code of a command line, in this process."""
    monkeypatch.setattr("sys.argv", line.split())
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code


@pytest.mark.parametrize("group", ["nas", "nas zoo", "nas space", "nas latency"])
def test_a_group_alone_shows_its_help(
    group: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(group, monkeypatch) == 2
    shown = capsys.readouterr()
    assert f"Usage: {group} " in shown.out
    assert shown.err == ""


@pytest.mark.parametrize("command", ["nas", "nas search", "nas zoo", "nas zoo draw"])
def test_h_is_help(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(f"{command} -h", monkeypatch) == 0
    assert f"Usage: {command} " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nas wrong", "error: No such command 'wrong'. (see `nas --help`)\n"),
        (
            "nas search wrong",
            "error: Got unexpected extra argument(s) (wrong) (see `nas search --help`)\n",
        ),
        ("nas zoo draw", "error: Missing argument 'name'. (see `nas zoo draw --help`)\n"),
        (
            "nas search --run= --data bundled",
            "error: the name of a run is empty (give --run a name below runs/, or a path)\n",
        ),
        (
            "nas search --seed -1",
            "error: seed -1 is outside 0 to 4294967295 (--seed takes one of these)\n",
        ),
        (
            "nas zoo draw gone.txt",
            "error: gone.txt cannot be read: No such file or directory "
            "(give a file in the text form, or a zoo name)\n",
        ),
        ("nas report none", "error: there is no run in runs/none (known: none)\n"),
    ],
)
def test_hint_fits_the_command(
    line: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(line, monkeypatch) == 2
    assert capsys.readouterr().err == message
    assert list(tmp_path.iterdir()) == []


def test_zoo_takes_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("graph.txt").write_text(to_text(zoo_entry("XCAT").build()))
    assert run("nas zoo draw graph.txt", monkeypatch) == 0
    drawn = capsys.readouterr().out
    assert run("nas zoo draw XCAT", monkeypatch) == 0
    assert capsys.readouterr().out == drawn
    assert run("nas zoo show graph.txt", monkeypatch) == 0
    assert "file graph.txt" in capsys.readouterr().out
    assert run("nas zoo show graph.txt --json", monkeypatch) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "XCAT"


def test_doctor_says_nothing_on_stderr(tmp_path: Path) -> None:
    done = nas("doctor", cwd=tmp_path)
    assert "import tensorflow" in done.stdout
    assert done.stderr == ""


def test_sigterm_says_how_to_go_on(tmp_path: Path) -> None:
    """With a run that never does anything but wait."""
    code = (
        "import signal, time\n"
        "from pathlib import Path\n"
        "from nas.search import run\n"
        "def start(config, *, name, watch):\n"
        "    with run._interruptible(Path('runs/a'), watch):\n"
        "        signal.raise_signal(signal.SIGTERM)\n"
        "        time.sleep(60)\n"
        "run.start = start\n" + CALL
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code, "search"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == "stopped; continue with: nas search --run runs/a --resume\n"
    assert done.returncode == 143
