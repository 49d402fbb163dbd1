"""The wheel holds all it needs: run from it alone, in an empty folder, with the checkout hidden."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parent.parent
# -S and our own path: an editable installation would put the checkout beside the wheel.
CALL = (
    "import json, os, sys\n"
    "sys.path[:] = json.loads(os.environ['WHEEL_TEST_PATH'])\n"
    "from nas.cli.main import main\n"
    "main()\n"
)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as `python -m build` makes it."""
    out = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, CHECKOUT],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def unpacked(wheel: Path) -> Path:
    folder = wheel.parent / "unpacked"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run(unpacked: Path, cwd: Path, code: str, *args: str) -> "subprocess.CompletedProcess[str]":
    """Runs `code` where `nas` can only come from `unpacked`."""
    others = [entry for entry in sys.path if entry and not _has_checkout(Path(entry))]
    environment = {**os.environ, "WHEEL_TEST_PATH": json.dumps([str(unpacked), *others])}
    environment.pop("PYTHONPATH", None)
    return subprocess.run(
        [sys.executable, "-S", "-c", code, *args],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_wheel_holds_code_and_data(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    devices = sorted(path.parent.name for path in CHECKOUT.glob("latency_models/*/model.json"))
    assert len(devices) >= 2
    assert "nas/report/template.html" in names
    assert "nas/_share/search_spaces/hxnet.py" in names
    for device in devices:
        for file in ("model.json", "device.toml", "measurements.csv", "card.md"):
            assert f"nas/_share/latency_models/{device}/{file}" in names


def test_wheel_holds_every_module_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    modules = {path.relative_to(CHECKOUT).as_posix() for path in CHECKOUT.glob("nas/**/*.py")}
    assert modules <= names
    assert {name.split("/")[0] for name in names} == {"nas"}
    assert not [name for name in names if "__pycache__" in name]


def test_the_checkout_is_hidden(unpacked: Path, tmp_path: Path) -> None:
    code = CALL.partition("from nas")[0] + "import nas\nprint(nas.__file__)"
    done = run(unpacked, tmp_path, code)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()) == unpacked / "nas" / "__init__.py"


WORKS = [  # command, part of its output
    ("zoo list", "XCAT-T3-56_8-m4-straight"),
    ("space list", "hxnet"),
    ("latency devices", "synaptics-vs680"),
    ("latency predict zoo:XCAT --device synaptics-vs680", "ms on synaptics-vs680 (80 % interval"),
    ("--version", "nas 0."),
]


@pytest.mark.parametrize(("args", "output"), WORKS)
def test_command_works_from_an_empty_folder(
    unpacked: Path, tmp_path: Path, args: str, output: str
) -> None:
    done = run(unpacked, tmp_path, CALL, *args.split())
    assert done.returncode == 0, done.stderr
    assert output in done.stdout
    assert str(CHECKOUT) + os.sep not in done.stdout
    assert list(tmp_path.iterdir()) == []


def _has_checkout(folder: Path) -> bool:
    return folder.resolve() == CHECKOUT or (folder / "nas" / "__init__.py").is_file()
