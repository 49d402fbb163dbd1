"""What a person may name as a model, and what is said where there is none."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from nas.data.resample import upscale_bicubic
from nas.errors import RunError, UsageError, UserError
from nas.evaluate import load_upscaler
from nas.evaluate.torch_network import float_upscaler
from tests.evaluate.conftest import graph_of, photograph, weights_of


def test_bicubic_is_the_resampler() -> None:
    image = photograph(9, 12)
    np.testing.assert_array_equal(
        load_upscaler("bicubic", scale=4)(image), upscale_bicubic(image, 4)
    )


def test_nearest_repeats_pixels() -> None:
    image = photograph(2, 3)
    made = load_upscaler("nearest", scale=2)(image)
    assert made.shape == (4, 6, 3)
    for row in range(4):
        for column in range(6):
            assert made[row, column].tolist() == image[row // 2, column // 2].tolist()


def test_a_folder_runs_in_float(package: Path) -> None:
    image = photograph(20, 30)
    upscale = load_upscaler(package, scale=3)
    assert (upscale.name, upscale.how) == (str(package), "float by torch")
    expected = float_upscaler(graph_of("plain"), weights_of("plain"), name="")(image)
    np.testing.assert_array_equal(upscale(image), expected)


def test_a_finished_run_means_its_best(package: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(package, run / "best")
    (run / "config.json").write_text("{}")
    assert load_upscaler(run).how == "float by torch"


def test_files_of_one_package_agree(package: Path) -> None:
    image = photograph(20, 30)
    made = {
        name: load_upscaler(package / name)(image).astype(int)
        for name in ("", "model.keras", "model.tflite")
    }
    assert np.abs(made["model.keras"] - made[""]).max() <= 1
    assert np.abs(made["model.tflite"] - made[""]).mean() < 5
    assert (made["model.tflite"] != made[""]).any()


def unfinished(folder: Path) -> Path:
    (folder / "config.json").write_text("{}")
    return folder


def damaged(folder: Path) -> Path:
    (folder / "graph.txt").write_text("0 input(3)\n1 conv(")
    (folder / "weights.safetensors").write_bytes(b"")
    return folder


def other_weights(folder: Path) -> Path:
    from nas.quantize.stored import store

    store(folder, graph_of("plain"), weights_of("plain"))
    (folder / "graph.txt").write_text("0 input(3)\n1 conv(27)\n2 depth_to_space(3)\n")
    return folder


def junk(folder: Path) -> Path:
    (folder / "a.tflite").write_text("hello, this is no model")
    return folder / "a.tflite"


REFUSED = [  # what is there, error, message, hint
    (lambda f: f / "no.tflite", UsageError, "there is no model {0}", "give bicubic or nearest, a"),
    (lambda f: f, RunError, "{0} holds no trained network", "give a folder with graph.txt and"),
    (unfinished, RunError, "{0} holds no trained network", "finish it with `nas search --run {0}"),
    (damaged, RunError, "{0} cannot be read: ", "write it again"),
    (other_weights, RunError, "{0} cannot be read: ", "write it again"),
    (junk, UsageError, "{0} is neither a TensorFlow Lite file nor a Keras", "convert the network"),
]


@pytest.mark.parametrize(("make", "error", "message", "hint"), REFUSED)
def test_what_is_no_model_is_named(  # type: ignore[no-untyped-def]
    make, error: type[UserError], message: str, hint: str, tmp_path: Path
) -> None:
    place = make(tmp_path)
    with pytest.raises(error) as caught:
        load_upscaler(place)
    assert caught.value.message.startswith(message.format(place))
    assert caught.value.hint.startswith(hint.format(place))


def test_scale_is_checked(package: Path) -> None:
    with pytest.raises(UsageError, match="upscales x3, not x2"):
        load_upscaler(package, scale=2)
    for scale in (None, 1, 0):
        with pytest.raises(UsageError, match="bicubic needs a scale of 2 or more"):
            load_upscaler("bicubic", scale=scale)
