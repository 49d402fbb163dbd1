"""`nas upscale` from the command line: the picture, its words, and one line for each mistake."""

import os
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.cli.main import main
from nas.data.images import read_image
from nas.evaluate import any_size, load_upscaler
from nas.quantize.stored import store
from nas.search import on_the_spot
from tests.evaluate.conftest import file_of, graph_of, weights_of
from tests.networks import smooth_images

PHOTO = smooth_images(1, 50, 90, seed=6)[0]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A photograph, networks in every form, and a finished run, in the working directory."""
    Image.fromarray(PHOTO).save(tmp_path / "photo.png")
    Image.fromarray(np.dstack([PHOTO, PHOTO[..., 0]])).save(tmp_path / "clear.png")
    for place in ("trained", "package", "runs/done/best", "runs/done/finalists/7", "runs/begun"):
        (tmp_path / place).mkdir(parents=True)
    for place in ("trained", "package", "runs/done/best"):
        store(tmp_path / place, graph_of("plain"), weights_of("plain"))
    for place in ("package", "runs/done/best"):
        (tmp_path / place / "model.tflite").write_bytes(file_of("plain"))
    (tmp_path / "runs/done/finalists/7/model.tflite").write_bytes(file_of("halved"))
    (tmp_path / "net.tflite").write_bytes(file_of("resized"))
    for run in ("done", "begun"):
        (tmp_path / "runs" / run / "config.json").write_text("{}")
    (tmp_path / "noise.jpg").write_text("no picture")
    (tmp_path / "there.png").write_text("something")
    (tmp_path / "closed").mkdir(mode=0o500)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def nas(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """`nas(line)` gives exit code, stdout and stderr of `nas upscale ...`."""

    def call(line: str) -> tuple[object, str, str]:
        monkeypatch.setattr("sys.argv", ["nas", "upscale", *shlex.split(line)])
        with pytest.raises(SystemExit) as end:
            main()
        shown = capfd.readouterr()
        return end.value.code, shown.out, shown.err

    return call


NAMED = [  # what a person names, what runs, how
    ("done", "runs/done/best/model.tflite", "LiteRT, uint8 0..1 to uint8 0..1"),
    ("runs/done", "runs/done/best/model.tflite", "LiteRT"),
    ("./runs/done", "runs/done/best/model.tflite", "LiteRT"),
    ("done#7", "runs/done/finalists/7/model.tflite", "LiteRT"),
    ("package", "package/model.tflite", "LiteRT"),
    ("trained", "trained", "float by torch"),
    ("net.tflite", "net.tflite", "LiteRT"),
]


@pytest.mark.parametrize(("network", "runs", "how"), NAMED)
def test_the_picture_is_what_the_network_makes(  # type: ignore[no-untyped-def]
    nas, network: str, runs: str, how: str
) -> None:
    code, out, err = nas(f"photo.png --network {network} --out big.png")
    assert (code, out) == (0, "big.png\n")
    assert f"90x50 to 270x150 pixels by {runs} ({how}" in err
    np.testing.assert_array_equal(read_image(Path("big.png")), load_upscaler(runs)(PHOTO))


def test_a_large_photo_is_cut_and_its_progress_is_told(  # type: ignore[no-untyped-def]
    nas, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = load_upscaler("package/model.tflite")(PHOTO)
    monkeypatch.setattr(any_size, "_MOST_PIXELS", 1000)
    _, _, err = nas("photo.png --network package --out big.png")
    np.testing.assert_array_equal(read_image(Path("big.png")), expected)
    assert "12/12 150 of 150 rows; 0 s to go" in err
    assert "12 tiles, " in err


def test_transparency_is_kept(nas) -> None:  # type: ignore[no-untyped-def]
    nas("clear.png --network package --out big.png")
    with Image.open("big.png") as big:
        assert (big.mode, big.size) == ("RGBA", (270, 150))


@pytest.mark.parametrize("name", ["big.jpg", "big.webp", "BIG.PNG"])
def test_the_name_says_the_format(nas, name: str) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = nas(f"photo.png --network package --out {name}")
    assert (code, out) == (0, f"{name}\n")
    assert read_image(Path(name)).shape == (150, 270, 3)


def test_a_published_network_is_trained_once(  # type: ignore[no-untyped-def]
    nas, monkeypatch: pytest.MonkeyPatch
) -> None:
    effort = on_the_spot.SEARCH
    stages = tuple(replace(stage, steps=20) for stage in effort.recipe.stages)
    quick = replace(effort, recipe=replace(effort.recipe, stages=stages))
    monkeypatch.setattr(on_the_spot, "SEARCH", quick)
    code, _, err = nas("photo.png --network zoo:XLSR --out a.png")
    assert code == 0
    assert "zoo:XLSR has no published weights" in err
    assert "20/20 20 steps; 0 s to go" in err
    assert "by zoo:XLSR (LiteRT, uint8" in err
    code, _, err = nas("photo.png --network zoo:xlsr --out b.png")
    assert code == 0
    assert "steps" not in err
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


BAD = [  # arguments, the message, and part of the hint
    ("photo.png --out a.png", "Missing option '--network'", "see `nas upscale --help`"),
    ("photo.png --network done", "Missing option '--out'", "see `nas upscale --help`"),
    ("no.png --network done --out a.png", "no such image: no.png", "check the path"),
    ("noise.jpg --network done --out a.png", "cannot read image noise.jpg: no known", "replace"),
    ("runs --network done --out a.png", "cannot read image runs: Is a directory", "replace"),
    ("photo.png --network done --out a.tga", "a.tga is of no known format", "ends with .png"),
    ("photo.png --network done --out a", "a is of no known format", "ends with .png"),
    ("photo.png --network done --out there.png", "there.png exists", "give --out a new file"),
    ("photo.png --network done --out photo.png", "photo.png exists", "give --out a new file"),
    ("photo.png --network done --out no/a.png", "there is no folder no", "make it"),
    ("photo.png --network done --out there.png/a.png", "there is no folder there.png", "make it"),
    ("photo.png --network closed --out a.png", "closed holds no trained network", "graph.txt"),
    ("photo.png --network begun --out a.png", "runs/begun holds no trained", "--run runs/begun"),
    ("photo.png --network nope --out a.png", "there is no network nope", "runs known: "),
    ("photo.png --network nope#3 --out a.png", "there is no run in runs/nope", "known: "),
    ("photo.png --network done#3 --out a.png", "trial 3 of runs/done is no finalist", "--trial 3"),
    ("photo.png --network bicubic --out a.png", "bicubic is no network", "zoo:xcat"),
    ("photo.png --network zoo:nope --out a.png", "there is no published network 'nope'", "nearest"),
    (
        "photo.png --network zoo:FQSR-SRGAN-D --out a.png",
        "zoo:FQSR-SRGAN-D makes",
        "upscales RGB images",
    ),
    ("photo.png --network noise.jpg --out a.png", "noise.jpg is neither a TensorFlow", "convert"),
    ("clear.png --network done --out a.jpg", "a.jpg cannot hold the transparency", ".png"),
]


@pytest.mark.parametrize(("line", "message", "hint"), BAD)
def test_a_mistake_is_one_line_and_leaves_nothing(  # type: ignore[no-untyped-def]
    nas, folder: Path, line: str, message: str, hint: str
) -> None:
    before = sorted(folder.rglob("*"))
    code, out, err = nas(line)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert err.startswith(f"error: {message}")
    assert hint in err[len(message) :]
    assert sorted(folder.rglob("*")) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_named(nas) -> None:  # type: ignore[no-untyped-def]
    code, _, err = nas("photo.png --network done --out closed/a.png")
    assert (code, err) == (2, "error: closed may not be written to (give another --out)\n")


def test_ctrl_c_leaves_nothing(nas, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    def half(self: Image.Image, file: Path, *given: object, **options: object) -> None:
        file.write_bytes(b"half of it")
        raise KeyboardInterrupt

    before = sorted(folder.rglob("*"))
    monkeypatch.setattr(Image.Image, "save", half)
    code, out, _ = nas("photo.png --network done --out a.png")
    assert (code, out) == (130, "")
    assert sorted(folder.rglob("*")) == before
