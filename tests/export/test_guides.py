"""The guides are true where that can be tested here: code runs, files and options exist."""

import inspect
import re
import subprocess
import sys
import typing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.cli.export import export
from nas.export.layout import REQUIRED
from nas.export.synap import SYNAP_YAML
from nas.latency.backends.vela import ACCELERATORS, Vela

DEPLOY = Path(__file__).parents[2] / "docs" / "deploy"
GUIDES = sorted(DEPLOY.glob("*.md"))


def blocks(name: str, language: str) -> list[str]:
    text = (DEPLOY / name).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_python_of_the_guide_runs_in_a_package(package: Path) -> None:
    (code,) = blocks("android.md", "python")
    subprocess.run([sys.executable, "-c", code], cwd=package, check=True)
    made = np.asarray(Image.open(package / "upscaled.png"))
    assert made.shape == (96, 144, 3)
    assert made.std() > 10


def test_table_has_every_file() -> None:
    text = (DEPLOY / "package.md").read_text(encoding="utf-8")
    listed = {name.rstrip("/") for row in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
              for name in re.findall(r"`([^`]+)`", row)}  # fmt: skip
    assert {name.partition("/")[0] for name in REQUIRED} <= listed
    assert listed >= {"parity.json", "model.onnx", "vela"}


def test_metafile_is_that_of_packages() -> None:
    (shown,) = blocks("synap-vs680.md", "yaml")
    assert SYNAP_YAML.endswith(shown)
    assert all(line.startswith("#") for line in SYNAP_YAML.removesuffix(shown).splitlines())


def test_systems_are_those_that_vela_is_asked_for() -> None:
    text = (DEPLOY / "ethos-u.md").read_text(encoding="utf-8")
    for accelerator in ACCELERATORS:
        (system,) = re.findall(rf"^\| `{accelerator}` \| (.*) \|$", text, re.MULTILINE)
        assert system in Vela(accelerator).describe()


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_links_within_the_docs_exist(guide: Path) -> None:
    text = guide.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!http)([^)#]+)", text):
        assert (guide.parent / target).is_file(), target


OPTIONS = {
    option
    for parameter in inspect.signature(export).parameters.values()
    for kind in typing.get_args(parameter.annotation)[1:]
    for option in (kind.param_decls or (f"--{parameter.name.replace('_', '-')}",))
}


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_options_of_export_exist(guide: Path) -> None:
    text = " ".join(guide.read_text(encoding="utf-8").split())
    commands = re.findall(r"nas export ([^`]*?)(?=nas export|`|synap |$)", text)
    asked = {option for words in commands for option in re.findall(r"--[a-z-]+", words)}
    assert asked <= OPTIONS
    assert asked or "nas export" not in text


def test_each_guide_says_what_was_run() -> None:
    for guide in GUIDES:
        if guide.stem != "package":
            assert "\nWhat was run: " in guide.read_text(encoding="utf-8")
