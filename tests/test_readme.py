"""The README is true: its tables have every option, and the figures of the cards.

Its commands and its Python run in `test_docs`.
"""

import inspect
import re
from pathlib import Path

import pytest

from nas.cli.main import app
from nas.cli.search import search
from nas.graph import violations
from nas.latency.devices import device_names, load_device
from nas.search.effort import FINAL, SEARCH
from nas.space import load_space
from tests.pages import ROOT, commands, named_files

PAGE = ROOT / "README.md"
README = PAGE.read_text(encoding="utf-8")
COMMANDS = commands(PAGE)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Holds each block that names its file in the first line; the working directory of a test."""
    for name, text in named_files(PAGE):
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_space_has_only_legal_networks_of_known_latency(folder: Path) -> None:
    space = load_space("my_space.py")
    model = load_device("synaptics-vs680").model
    for pick in space.picks():
        for scale in space.scales:
            graph = space.graph(pick, scale=scale)
            assert violations(graph) == ()
            assert model.predict(graph).latency_ms > 0


def test_every_command_is_shown() -> None:
    known = [command.name or command.callback.__name__ for command in app.registered_commands]
    known += [group.name for group in app.registered_groups]
    assert len(known) > 10
    for command in known:
        assert f"nas {command}" in " ".join(COMMANDS)


def test_table_has_every_option_of_search_and_its_default() -> None:
    rows = dict(re.findall(r"^\| `--([a-z-]+)` \|.*\| (.*?) ?\|$", README, re.MULTILINE))
    options = dict(inspect.signature(search).parameters)
    del options["context"]
    options["json"] = options.pop("as_json")
    options["min-psnr"] = options.pop("min_psnr_db")
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
