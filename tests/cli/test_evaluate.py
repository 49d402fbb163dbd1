"""`nas evaluate` from the command line: tables, JSON, pictures, and one line for each mistake."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.cli.main import main
from nas.data.images import Pair, read_image
from nas.data.resample import downscale, upscale_bicubic
from nas.evaluate import score
from nas.graph import Conv2d, DepthToSpace, GraphBuilder
from nas.quantize.stored import store
from nas.readers.weights import random_weights
from tests.networks import smooth_images

NAMES = ("a.png", "b.jpg", "c.png")


def network(folder: Path, scale: int) -> None:
    g = GraphBuilder()
    g.chain(g.input, Conv2d(3 * scale**2), DepthToSpace(scale))
    folder.mkdir(parents=True)
    store(folder, g.graph(), random_weights(g.graph(), 0))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Images, networks of two scales and a finished run, in the working directory."""
    (tmp_path / "images").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    for name, image in zip(NAMES, smooth_images(3, 60, 78, seed=8), strict=True):
        Image.fromarray(image).save(tmp_path / "images" / name)
    (tmp_path / "broken" / "x.png").write_bytes(b"\x89PNG nothing")
    network(tmp_path / "net3", 3)
    network(tmp_path / "net2", 2)
    network(tmp_path / "runs" / "done" / "best", 3)
    (tmp_path / "runs" / "done" / "config.json").write_text("{}")
    (tmp_path / "runs" / "begun").mkdir()
    (tmp_path / "runs" / "begun" / "config.json").write_text("{}")
    (tmp_path / "junk.tflite").write_text("no model at all")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "something").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path.parent / "cache"))
    return tmp_path


@pytest.fixture
def nas(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """`nas(line)` gives exit code, stdout and stderr of `nas evaluate ...`."""

    def call(line: str) -> tuple[object, str, str]:
        monkeypatch.setattr("sys.argv", ["nas", "evaluate", *shlex.split(line)])
        with pytest.raises(SystemExit) as end:
            main()
        shown = capsys.readouterr()
        return end.value.code, shown.out, shown.err

    return call


def expected_bicubic(folder: Path, scale: int = 3) -> list[float]:
    pairs = []
    for name in NAMES:
        hr = read_image(folder / "images" / name)
        pairs.append(Pair(name, downscale(hr, scale), hr))
    scores = score(lambda image: upscale_bicubic(image, scale), pairs, scale)
    return [found.psnr_y_db for found in scores]


def test_a_table_of_one_model_has_every_image_and_the_mean(nas, folder: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, err = nas("bicubic --data images")
    figures = expected_bicubic(folder)
    lines = {line.split()[0]: line.split() for line in out.splitlines() if line.strip()}
    assert code == 0
    assert "bicubic x3 (as MATLAB's imresize) on images" in out
    assert [lines[name][1] for name in NAMES] == [f"{figure:.2f}" for figure in figures]
    assert re.search(rf"PSNR Y +{np.mean(figures):.2f} ", out)
    assert "JPEG: figures include its artefacts" in out.split("b.jpg")[1].splitlines()[0]
    assert "JPEG: 1 of 3 originals; figures include its artefacts" in out
    assert "3/3 bicubic: c.png" in err


def test_json_is_complete(nas, folder: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = nas("bicubic --data images --scale 2 --json")
    facts = json.loads(out)
    (model,) = facts["models"]
    assert code == 0
    assert [facts[key] for key in ("data", "num_images", "num_jpegs", "scale", "shave")] == [
        *("images", 3, 1, 2, 2),
    ]
    assert facts["luma"] == "BT.601 in 16..235 of the 8-bit images, not rounded"
    assert [image["name"] for image in model["images"]] == list(NAMES)
    assert [image["jpeg"] for image in model["images"]] == [False, True, False]
    figures = expected_bicubic(folder, 2)
    assert [image["psnr_y_db"] for image in model["images"]] == pytest.approx(figures)
    mean = model["mean"]["psnr_y_db"]
    assert mean["mean"] == pytest.approx(np.mean(figures))
    assert mean["low"] < mean["mean"] < mean["high"]
    assert set(model["mean"]) == {"psnr_y_db", "psnr_rgb_db", "ssim_y", "seconds"}
    assert model["difference_to_first"]["ssim_y"] == {"mean": 0, "low": 0, "high": 0}


def test_several_models_are_compared_with_the_first(nas) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = nas("nearest bicubic net3 --data images --json")
    models = json.loads(out)["models"]
    assert code == 0
    assert [model["model"] for model in models] == ["nearest", "bicubic", "net3"]
    apart = models[1]["difference_to_first"]["psnr_y_db"]
    means = [model["mean"]["psnr_y_db"]["mean"] for model in models]
    assert apart["mean"] == pytest.approx(means[1] - means[0])
    assert apart["low"] < apart["mean"] < apart["high"]
    code, out, _ = nas("nearest bicubic net3 --data images")
    assert code == 0
    numbers = (f"{apart[key]:+.2f}" for key in ("mean", "low", "high"))
    assert re.search(" +".join(map(re.escape, numbers)), out)
    assert "x3 on images, means of 3 images" in out


def test_a_network_tells_the_scale_of_the_baselines_beside_it(nas) -> None:  # type: ignore[no-untyped-def]
    _, out, _ = nas("bicubic net2 --data images --json")
    assert json.loads(out)["scale"] == 2


def test_a_run_is_found_by_its_name(nas) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = nas("done --data images --json")
    (model,) = json.loads(out)["models"]
    assert (code, model["model"], model["how"]) == (0, "runs/done", "float by torch")


def test_out_holds_images_and_close_ups(nas, folder: Path) -> None:  # type: ignore[no-untyped-def]
    code, _, _ = nas("net3 nearest --data images --out pictures/new")
    names = {str(path.relative_to(folder / "pictures/new")) for path in folder.rglob("new/*/*")}
    assert code == 0
    assert {name for name in names if not name.startswith("close-ups")} == {
        *("net3/a.png", "net3/b.jpg.png", "net3/c.png"),
        *("nearest/a.png", "nearest/b.jpg.png", "nearest/c.png"),
    }
    assert sum(name.startswith("close-ups/") for name in names) == 3
    original = read_image(folder / "images" / "a.png")
    made = read_image(folder / "pictures/new/nearest/a.png")
    np.testing.assert_array_equal(made[::3, ::3], downscale(original, 3))


BAD = [  # arguments, the message, and part of the hint
    ("bicubic", "Missing option '--data'", "see `nas evaluate --help`"),
    ("--data images", "Missing argument 'MODEL'", "see `nas evaluate --help`"),
    ("bicubic --data nowhere", "no such folder: nowhere", "check the path"),
    ("bicubic --data empty", "no usable images in empty: it holds no image files", "use .bmp"),
    ("bicubic --data broken", "no usable images in broken: 1 skipped", "images must be readable"),
    ("bicubic --data images --scale 1", "bicubic needs a scale of 2 or more", "--scale 3"),
    ("bicubic --data images --scale 30", "no usable images in images: 3 skipped", "images must"),
    ("net3 --data images --scale 2", "net3 upscales x3, not x2", "leave --scale out"),
    ("net3 net2 --data images", "net3 upscales x3, net2 x2", "compare networks of one scale"),
    ("net3 net3 --data images", "a model is named twice", "name each once"),
    ("net3 --data images --range 2", "--range 2 is no range of images", "give 1 or 255"),
    ("missing --data images", "there is no model missing", "give bicubic or nearest, a .tflite"),
    ("missing.tflite --data images", "there is no model missing.tflite", ".keras file"),
    ("junk.tflite --data images", "junk.tflite is neither a TensorFlow Lite", "convert"),
    ("images --data images", "images holds no trained network", "give a folder with graph.txt"),
    ("begun --data images", "runs/begun holds no trained network", "nas search --run runs/begun"),
    ("bicubic --data images --out full", "full exists", "give --out a new folder"),
    ("bicubic --data images --out junk.tflite", "junk.tflite exists", "give --out a new folder"),
    (
        "bicubic --data images --out junk.tflite/x",
        "junk.tflite/x cannot be written",
        "give another",
    ),
]


@pytest.mark.parametrize(("line", "message", "hint"), BAD)
def test_a_mistake_is_one_line_and_leaves_nothing(  # type: ignore[no-untyped-def]
    nas, folder: Path, line: str, message: str, hint: str
) -> None:
    before = sorted(folder.rglob("*"))
    code, out, err = nas(line)
    lines = [text for text in err.splitlines() if not text.startswith("skipped ")]
    assert (code, out, len(lines)) == (2, "", 1), err
    assert lines[0].startswith(f"error: {message}")
    assert hint in lines[0][len(message) :]
    assert sorted(folder.rglob("*")) == before


def test_what_fails_midway_leaves_nothing(  # type: ignore[no-untyped-def]
    nas, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(folder: Path, name: str, image: np.ndarray) -> None:
        if name == "b.jpg":
            raise OSError(28, "No space left on device")
        folder.mkdir(exist_ok=True)
        (folder / name).write_text("")

    before = sorted(folder.rglob("*"))
    monkeypatch.setattr("nas.evaluate.pictures.write_image", full)
    code, out, err = nas("bicubic --data images --out new")
    assert (code, out) == (2, "")
    assert "error: new cannot be written: No space left on device (free the disk" in err
    assert sorted(folder.rglob("*")) == before
