"""`nas export` as a user meets it: what is asked is checked before anything is loaded."""

import json
import shutil
import warnings
from pathlib import Path

import pytest

from nas.cli.main import main
from nas.export.wishes import Wishes
from nas.search import takeout
from tests.export.conftest import SIZE, make_finalist, make_package, small_graph


def call(monkeypatch: pytest.MonkeyPatch, *words: object) -> object:
    monkeypatch.setattr("sys.argv", ["nas", "export", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, as far as an export reads it."""
    from nas.search.config import SearchConfig

    folder = tmp_path_factory.mktemp("runs") / "fast"
    (folder / "finalists").mkdir(parents=True)
    made = make_finalist(folder / "finalists" / "7", small_graph())
    shutil.copytree(made, folder / "best")
    (folder / "config.json").write_text(json.dumps(SearchConfig().to_json()))
    return folder


@pytest.fixture(scope="module")
def whole(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packages") / "whole"
    make_package(run / "best", folder, Wishes(size=SIZE))
    return folder


@pytest.fixture
def package(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "package")


def test_best_is_exported_and_found_whole(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of TensorFlow's export
        assert call(monkeypatch, run, "--out", out, "--size", "32x48", "--json") == 0
    shown = capsys.readouterr()
    found = json.loads(shown.out[shown.out.index('{\n  "package"') :])  # TensorFlow prints, too
    assert found["package"] == str(out)
    assert found["network"] == small_graph().digest
    assert found["input_size"] == [32, 48]
    assert "running model.tflite on the check images" in shown.err
    assert sorted(path.name for path in out.parent.iterdir()) == ["out"]
    assert call(monkeypatch, "--check", out) == 0
    assert capsys.readouterr().out == f"{out} is as it was exported\n"


def test_findings_are_lines_and_exit_code_1(
    package: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (package / "card.md").unlink()
    (package / "more").touch()
    assert call(monkeypatch, "--check", package) == 1
    assert capsys.readouterr().out.splitlines() == [
        "card.md: no file is missing: it is not there",
        "more: no file was added: parity.json does not list it",
    ]
    assert call(monkeypatch, "--check", package, "--json") == 1
    assert json.loads(capsys.readouterr().out)["findings"][1] == {
        "file": "more",
        "rule": "no file was added",
        "said": "parity.json does not list it",
    }


WRONG = [  # words, what is said
    ((), "RUN is missing (nas export RUN --out FOLDER)"),
    (("r",), "--out is missing (nas export RUN --out FOLDER)"),
    (("--check", "x"), "there is no folder x (give --check the folder of a package)"),
    (("r", "--check", "x"), "--check takes a package alone (leave out RUN and --out)"),
    (("--out", "o", "--check", "x"), "--check takes a package alone (leave out RUN and --out)"),
    (
        ("r", "--out", "o", "--size", "48x64", "--free-size"),
        "--size and --free-size contradict each other (give one of them)",
    ),
    (
        ("r", "--out", "o", "--free-size", "--vela", "ethos-u65"),
        "Vela compiles for one size (leave out --free-size, or --vela)",
    ),
    (
        ("r", "--out", "o", "--onnx", "chwn"),
        "there is no layout 'chwn' (--onnx is one of nchw, nhwc)",
    ),
    (
        ("r", "--out", "o", "--vela", "ethos"),
        "Vela knows no accelerator 'ethos' (--vela is one of ethos-u55, ethos-u65, ethos-u85)",
    ),
    *(
        (
            ("r", "--out", "o", "--size", size),
            f"{size!r} is no size (--size is height x width, such as 360x640, of 16 to 2160)",
        )
        for size in ("360", "360x", "0x64", "15x64", "64x2161", "9" * 40 + "x64", "-3x64", "٣٦x64")
    ),
]


@pytest.mark.parametrize(("words", "said"), WRONG)
def test_wrong_words_are_one_line_and_exit_code_2(
    words: tuple[str, ...],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, *words) == 2
    assert capsys.readouterr().err == f"error: {said}\n"
    assert list(tmp_path.iterdir()) == []


def test_wishes_arrive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Path) -> None:
    seen: list[object] = []

    def export_trial(run: Path, trial: str, out: Path, *, wishes: object, note: object) -> None:
        seen.append((trial, wishes))

    monkeypatch.setattr(takeout, "export_trial", export_trial)
    words = [run, "--out", tmp_path / "o"]
    for more in (
        [],
        ["--size", "16x2160", "--onnx", "nchw", "--vela", "ethos-u85", "--trial", "zoo:xcat"],
        ["--free-size"],
    ):
        assert call(monkeypatch, *words, *more) == 0
    assert seen == [
        ("best", Wishes()),
        ("zoo:xcat", Wishes(size=(16, 2160), onnx="nchw", vela="ethos-u85")),
        ("best", Wishes(size=None)),
    ]
