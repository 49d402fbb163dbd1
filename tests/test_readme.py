"""The README is true: its Python runs, its cheap commands succeed, its table has every option."""

import inspect
import re
import runpy
import shlex
from pathlib import Path

import pytest

from nas.cli.main import main
from nas.cli.search import search
from nas.graph import violations
from nas.latency.devices import device_names, load_device
from nas.search.effort import FINAL, SEARCH
from nas.space import load_space

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
CODE = [text for language, text in BLOCKS if language == "python"]
COMMANDS = [
    line
    for language, text in BLOCKS
    if language == "bash"
    for line in text.splitlines()
    if line.startswith("nas ")
]
# These train, serve, need a finished run, or write into the installation.
NOT_RUN = (
    "nas search",
    "nas report",
    "nas dashboard",
    "nas export",
    "nas train",
    "nas quantize",
    "nas evaluate",
    "nas data fetch",
    "nas latency measure",
    "nas latency calibrate",
)
CHEAP = [line for line in COMMANDS if not line.startswith(NOT_RUN)]


def call(line: str, monkeypatch: pytest.MonkeyPatch) -> object:
    """The exit code of a command line."""
    monkeypatch.setattr("sys.argv", shlex.split(line))
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Holds each block that names its file in the first line; the working directory of a test."""
    for _, text in BLOCKS:
        if named := re.match(r"# (\w+\.\w+)\n", text):
            (tmp_path / named[1]).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_blocks_were_found() -> None:
    assert len(CODE) == 2
    assert len(CHEAP) > 10
    assert len(COMMANDS) == len(CHEAP) + 17


@pytest.mark.parametrize("place", range(len(CODE)))
def test_python_runs(folder: Path, place: int) -> None:
    script = folder / f"block_{place}.py"
    script.write_text(CODE[place], encoding="utf-8")
    runpy.run_path(str(script))


def test_the_space_has_only_legal_networks_of_known_latency(folder: Path) -> None:
    space = load_space("my_space.py")
    model = load_device("synaptics-vs680").model
    for pick in space.picks():
        for scale in space.scales:
            graph = space.graph(pick, scale=scale)
            assert violations(graph) == ()
            assert model.predict(graph).latency_ms > 0


@pytest.mark.parametrize("line", CHEAP)
def test_command_succeeds(
    folder: Path, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = call(line, monkeypatch)
    shown = capsys.readouterr()
    assert code == 0, shown.err
    if "doctor" not in line:
        assert "error" not in shown.err


@pytest.mark.parametrize("line", sorted(set(COMMANDS) - set(CHEAP)))
def test_options_of_a_long_command_exist(
    line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = shlex.split(line)
    name = " ".join(words[1:3] if words[1] in ("latency", "data") else words[1:2])
    assert call(f"nas {name} --help", monkeypatch) == 0
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    assert set(re.findall(r"--[a-z-]+", line)) <= known


def test_every_command_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("nas --help", monkeypatch) == 0
    helped = capsys.readouterr().out
    commands = re.findall(r"^[│|] (\w+) ", helped.partition("Commands")[2], re.MULTILINE)
    assert len(commands) > 5
    for command in commands:
        assert f"nas {command}" in " ".join(COMMANDS)


def test_table_has_every_option_of_search_and_its_default() -> None:
    rows = dict(re.findall(r"^\| `--([a-z-]+)` \|.*\| (.*?) ?\|$", README, re.MULTILINE))
    options = dict(inspect.signature(search).parameters)
    del options["context"]
    options["json"] = options.pop("as_json")
    assert set(rows) == {name.replace("_", "-") for name in options}
    for name, parameter in options.items():
        if parameter.default not in (None, False):
            assert rows[name.replace("_", "-")].strip("`") == str(parameter.default)


def test_steps_are_those_of_the_recipes() -> None:
    text = " ".join(README.split())
    first, second, third = SEARCH.rungs
    assert f"{first} steps, then {second}, then {third}." in text
    assert f"train anew for {FINAL.recipe.steps} steps" in text
    assert f"over {SEARCH.validation_crops} crops of at most" in text


LEFT_OUT, KEPT_BACK = "| left out | graphs |", "| kept back | graphs |"  # heads of two tables


@pytest.mark.parametrize("device", [d for d in device_names() if load_device(d).has_model])
def test_accuracy_is_that_of_the_card(device: str) -> None:
    card = (load_device(device).folder / "card.md").read_text(encoding="utf-8")
    fresh = "kept back" in card
    part = card.partition("## Accuracy on networks kept back" if fresh else "## Accuracy on")[2]
    mape, _, _, within_10, _, spearman, _ = _cells(part, "this model")
    (holds,) = re.findall(r"holds\s+(\d+ %)", part.partition("## ")[0])
    row = _cells(README, f"`{device}`", after=KEPT_BACK if fresh else LEFT_OUT)
    assert row[1:5] == [mape, within_10, spearman, holds]
    if not fresh:
        by_macs = _cells(part, "MACs")
        assert row[5] == by_macs[0]


def _cells(text: str, first: str, *, after: str = "") -> list[str]:
    row = re.search(rf"^\| {re.escape(first)} \| (.*) \|$", text.partition(after)[2] if after
                    else text, re.MULTILINE)  # fmt: skip
    assert row is not None
    return row[1].split(" | ")
