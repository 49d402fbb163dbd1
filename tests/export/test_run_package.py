"""The script of a package: it needs nothing of this project, and leaves no seam."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.export.wishes import Wishes
from nas.quantize.litert import run_tflite
from tests.export.conftest import make_package
from tests.networks import smooth_images

ALONE = """
import runpy, sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"nas", "torch", "tensorflow", "keras", "skimage", "scipy"}:
            raise ImportError(name)
sys.meta_path.insert(0, Blocked())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def upscale(package: Path, image: np.ndarray, place: Path) -> np.ndarray:
    Image.fromarray(image).save(place / "photo.png")
    command = [sys.executable, "-c", ALONE, str(package / "run.py")]
    command += [str(place / "photo.png"), str(place / "out.png")]
    subprocess.run(command, check=True, cwd=place)
    return np.asarray(Image.open(place / "out.png"))


@pytest.fixture(scope="module")
def tiled(finalist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package whose file is large enough for its network's reach."""
    folder = tmp_path_factory.mktemp("tiled") / "package"
    make_package(finalist, folder, Wishes(size=(96, 96)))
    return folder


@pytest.mark.parametrize("size", [(96, 96), (150, 201), (300, 97)])
def test_pieces_give_what_the_whole_picture_would(
    tiled: Path, tmp_path: Path, size: tuple[int, int]
) -> None:
    image = smooth_images(1, *size)[0]
    whole = run_tflite(tiled / "model.tflite", image[None])[0]
    assert np.array_equal(upscale(tiled, image, tmp_path), whole)


def test_a_picture_smaller_than_the_input_is_upscaled(tiled: Path, tmp_path: Path) -> None:
    image = smooth_images(1, 40, 150)[0]
    made = upscale(tiled, image, tmp_path)
    whole = run_tflite(tiled / "model.tflite", image[None])[0]
    assert made.shape == (120, 450, 3)
    assert np.array_equal(made[:90], whole[:90])  # but for the border, which is continued


def test_a_file_of_free_size_takes_the_picture_whole(finalist: Path, tmp_path: Path) -> None:
    make_package(finalist, tmp_path / "free", Wishes(size=None))
    image = smooth_images(1, 33, 57)[0]
    whole = run_tflite(tmp_path / "free" / "model.tflite", image[None])[0]
    assert np.array_equal(upscale(tmp_path / "free", image, tmp_path), whole)


def test_the_script_is_that_of_this_version(whole: Path) -> None:
    from nas.export import run_package

    assert (whole / "run.py").read_bytes() == Path(run_package.__file__).read_bytes()
