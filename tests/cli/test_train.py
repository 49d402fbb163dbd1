"""`nas train` and `nas recipes`: what a person and a script see of them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.cli.main import main
from nas.data.images import Pair
from nas.graph import to_text
from nas.zoo import zoo_entry
from tests.cli.test_main import CALL
from tests.event_files import curves

Run = Callable[[str], int]
XCAT = "--network zoo:XCAT --budget-steps 20"


@pytest.fixture
def work(leaves: tuple[Pair, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with images."""
    (tmp_path / "images").mkdir()
    for pair in leaves:
        Image.fromarray(pair.hr).save(tmp_path / "images" / f"{pair.name}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command line in this process; gives its exit code."""

    def call(line: str) -> int:
        monkeypatch.setattr("sys.argv", line.split())
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0)

    return call


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_training_prints_a_table_and_leaves_a_network(
    work: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(f"nas train {XCAT} --data images --out x") == 0
    shown = capsys.readouterr()
    assert shown.out.split()[:6] == ["network", "recipe", "steps", "PSNR", "dB", "folder"]
    assert shown.out.split()[-5:-3] == ["XCAT", "xcat"]
    lines = shown.err.splitlines()
    assert lines[0] == "XCAT: 20 steps of xcat, which has 1,000,000; cpu, float32"
    assert lines[1].startswith("XCAT: step 1/20, stage 1, loss 0.")
    assert lines[-1].startswith("XCAT: step 20/20, stage 2, loss 0.")
    assert lines[-1].endswith("0 s to go")
    assert len(lines) == 21
    assert {"graph.txt", "weights.safetensors", "log.jsonl"} <= set(files(work / "x"))

    before = files(work / "x")
    assert run(f"nas train {XCAT} --data images --out x --json") == 0
    shown = capsys.readouterr()
    assert shown.err == "XCAT: has all of its 20 steps already; cpu, float32\n"
    (row,) = json.loads(shown.out)
    assert (row["network"], row["recipe"], row["steps"], row["folder"]) == ("XCAT", "xcat", 20, "x")
    assert row["psnr_db"] > 10
    assert files(work / "x") == before

    assert run(f"nas train {XCAT} --data images --out x --precision bfloat16") == 2
    assert capsys.readouterr().err == (
        "error: x was started otherwise: precision was float32, asked for bfloat16 "
        "(resume with the same options, or take another folder)\n"
    )
    assert files(work / "x") == before


def test_two_networks_train_at_once_as_each_alone(
    work: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    (work / "mine.txt").write_text(to_text(zoo_entry("ESPCN-RGBx3").build()))
    options = "--recipe l2 --budget-steps 4 --data images"
    networks = "--network XCAT --network ./mine.txt"
    assert run(f"nas train {networks} {options} --out both --json") == 0
    shown = capsys.readouterr()
    assert [row["folder"] for row in json.loads(shown.out)] == ["both/XCAT", "both/mine"]
    told = [line.partition(": ")[0] for line in shown.err.splitlines()[2:]]
    assert told == ["XCAT", "./mine.txt"] * 4
    assert run(f"nas train --network XCAT {options} --out alone") == 0
    alone, together = work / "alone", work / "both" / "XCAT"
    assert files(alone) == files(together)


def test_curves_of_each_network_are_there_for_tensorboard(work: Path, run: Run) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    options = "--recipe l2 --budget-steps 2 --data images --tensorboard tb"
    assert run(f"nas train --network XCAT --network ESPCN-RGBx3 {options} --out both") == 0
    for name in ("XCAT", "ESPCN-RGBx3"):
        lines = (work / "both" / name / "log.jsonl").read_text().splitlines()
        readings = [json.loads(line) for line in lines]
        assert [reading["step"] for reading in readings] == [1, 2]
        found = curves(work / "tb" / name)
        assert set(found) == {"stage", "loss", "learning_rate", "psnr_db"}
        for tag, curve in found.items():
            assert curve == [(r["step"], pytest.approx(r[tag])) for r in readings]


def test_smaller_patches_are_told_once(
    work: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    options = "--network zoo:RPQ-unpruned-d5 --recipe scsrn --budget-steps 3 --data images"
    assert run(f"nas train {options} --out x") == 0
    told = [line for line in capsys.readouterr().err.splitlines() if "small" in line]
    assert told == [
        "RPQ-unpruned-d5: the images are small: LR patches of 64x64 in place of 128x128"
    ]


def test_bars_are_drawn_on_a_terminal(
    work: Path, run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    options = "--network ESPCN-RGBx3 --budget-steps 2 --data images"
    assert run(f"nas train {options} --out x --json") == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)[0]["steps"] == 2
    assert "2/2" in shown.err
    assert "ESPCN-RGBx3: stage 1, " in shown.err


def test_interrupted_training_goes_on_to_the_same_end(work: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    options = [
        "train",
        "--network",
        "zoo:XCAT",
        "--budget-steps",
        "60",
        "--data",
        "images",
        "--out",
    ]
    command = [sys.executable, "-c", CALL, *options]

    def start(out: str) -> "subprocess.Popen[str]":
        return subprocess.Popen([*command, out], env=environment, stderr=-1, stdout=-1, text=True)

    whole, stopped = start("whole"), start("stopped")
    assert stopped.stderr is not None
    for line in stopped.stderr:
        if "step 9/60" in line:
            break
    stopped.send_signal(signal.SIGINT)
    out, err = stopped.communicate(timeout=60)
    assert stopped.returncode == 130
    assert out == ""
    last = err.splitlines()[-1]
    assert last.startswith("stopped at step ")
    assert last.endswith("/60; the same command goes on there")
    step = int(last.split()[3].partition("/")[0])
    assert 9 <= step < 60
    resumed = start("stopped")
    _, err = resumed.communicate(timeout=60)
    assert err.splitlines()[0] == f"XCAT: goes on at step {step} of 60; cpu, float32"
    whole.communicate(timeout=60)
    assert (whole.returncode, resumed.returncode) == (0, 0)
    assert files(work / "stopped") == files(work / "whole")


NEAR = "the nearest names are"
BAD = [  # arguments, message
    ("--recipe xcta", f"there is no recipe 'xcta' ({NEAR} xcat, "),
    ("--network zoo:xcta", f"there is no published network 'xcta' ({NEAR} XCAT, "),
    ("--network ./none.txt", "./none.txt cannot be read: No such file or directory"),
    ("--network ./mine.txt --recipe l1 --network ./mine.txt", "a network is named twice"),
    ("--network ./mine.txt", "./mine.txt has no published recipe (give --recipe, such as l1)"),
    ("--network zoo:lab216", "the loss of this recipe needs the weights of VGG-19 (give them as"),
    ("--network zoo:lab216 --vgg none", "no such file of VGG-19 weights: none"),
    ("--network zoo:PureConvSR", "carry_residual needs one sum with the image or with copies"),
    ("--network FQSR-SRGAN-D", "network 9677f89a82034b96 makes 1x1x1 of 12x12x3 (give one that"),
    ("--device tpu", "unknown device tpu (cpu, cuda, cuda:N or auto)"),
    ("--device cuda:9", "there is no device cuda:9: torch sees "),
    ("--precision half", "unknown precision half (float32 or bfloat16)"),
    ("--budget-steps 1", "1 steps are too few for the 2 stages of xcat (give at least 2)"),
    ("--budget-steps 0", "0 steps are too few for the 2 stages of xcat (give at least 2)"),
    ("--budget-steps -5", "-5 steps are too few for the 2 stages of xcat (give at least 2)"),
    ("--budget-steps few", "Invalid value for '--budget-steps'"),
    ("--seed -1", "Invalid value for '--seed'"),
    ("--data none", "no such folder: none (check the path)"),
    ("--data tiny", "tiny"),
    ("--valid none", "no such folder: none (check the path)"),
    ("--out foreign", "foreign holds something else than a training (give a new folder, or"),
    ("--out foreign/notes.txt", "foreign/notes.txt is no folder (give a new folder, or"),
    ("--out foreign/notes.txt/x", "foreign/notes.txt/x cannot be written: Not a directory"),
]


@pytest.mark.parametrize(("args", "message"), BAD)
def test_bad_input_is_one_line_and_leaves_nothing(
    args: str, message: str, work: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("foreign", "tiny"):
        (work / name).mkdir()
    (work / "foreign" / "notes.txt").write_text("mine")
    (work / "mine.txt").write_text(to_text(zoo_entry("ESPCN-RGBx3").build()))
    for i in range(2):
        pixels = np.random.default_rng(i).integers(0, 256, (60, 60, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(work / "tiny" / f"{i}.png")
    before = sorted(work.rglob("*"))
    network = "" if "--network" in args else "--network XCAT"
    defaults = {"--data": "images", "--out": "new", "--budget-steps": "20"}
    given = " ".join(f"{name} {value}" for name, value in defaults.items() if name not in args)
    if "--out foreign/notes.txt/x" in args:
        given += " --budget-steps 20"
    assert run(f"nas train {network} {given} {args}") == 2
    shown = capsys.readouterr()
    assert shown.err.splitlines()[-1].startswith("error: ")
    assert message in shown.err.splitlines()[-1]
    assert shown.out == ""
    assert sorted(work.rglob("*")) == before


def test_recipes_are_listed_and_shown(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("nas recipes list") == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert "500,000" in rows["xlsr"]
    assert "arXiv:2105.10288" in rows["xlsr"]
    assert run("nas recipes show RPQ") == 0
    text = capsys.readouterr().out
    assert text.splitlines()[0].startswith("rpq: Mobile AI & AIM 2022 report")
    assert "distil 1, prune keep 0.729167" in text
    assert "Qat(sqcl 0.3)" in text
    assert "35 meet the size of the file" in text
    assert run("nas recipes show fqsr-edsr-4-4-32") == 0
    assert "FQSR 4/4/32" in capsys.readouterr().out


def test_recipe_as_json_has_its_rates(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("nas recipes show xcat --json") == 0
    found = json.loads(capsys.readouterr().out)
    first, second = found["stages"]
    assert (found["steps"], first["steps"], first["lr_patch"]) == (1_000_000, 500_000, 32)
    rates = [first[f"rate_{name}"] for name in ("start", "peak", "end")]
    assert rates == pytest.approx([1e-3, 25e-4, 1e-4])
    assert (first["loss"], second["loss"]) == ("Charbonnier", "L2")
    assert run("nas recipes list --json") == 0
    assert "xcat" in [each["name"] for each in json.loads(capsys.readouterr().out)]


def test_unknown_recipe_is_one_line(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("nas recipes show xcta") == 2
    assert capsys.readouterr().err.startswith("error: there is no recipe 'xcta' (the nearest")
