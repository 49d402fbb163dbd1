"""The folder of an INT8 file: what it holds, by every kind of method."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from nas.data.images import Pair
from nas.data.sets import Dataset
from nas.export.int8 import images_of, make_int8
from nas.quantize.calibration import calibrate
from nas.quantize.litert import tensor_types
from nas.quantize.method import BEST, PLAIN, Method
from nas.quantize.stored import StoredNetwork, load_stored
from nas.train.start import identity_start
from nas.zoo import zoo_graph

GRAPH = zoo_graph("XCAT")
WEIGHTS = identity_start(GRAPH, seed=0, gain=0.7)
SIZE = (48, 64)


def dataset(leaves: tuple[Pair, ...]) -> Dataset:
    return Dataset("leaves", leaves[:-2], leaves[-2:], "digest", ())


@pytest.mark.parametrize("method", [PLAIN, BEST], ids=["plain", "best"])
def test_folder_holds_a_full_integer_file_and_its_figures(
    tmp_path: Path, leaves: tuple[Pair, ...], method: Method
) -> None:
    images = images_of(dataset(leaves), 3)
    stored = StoredNetwork(GRAPH, WEIGHTS, None)
    figures = make_int8(stored, images, tmp_path, method=method, input_size=SIZE, sensitivity=True)
    assert tensor_types(tmp_path / "model.tflite") <= {"int8", "uint8", "int32"}
    assert abs(figures["psnr_simulation_db"] - figures["psnr_litert_db"]) <= 0.02
    written = json.loads((tmp_path / "quantize.json").read_text())
    assert written == json.loads(json.dumps(figures))
    again = load_stored(tmp_path)
    assert again.graph == GRAPH
    assert again.grid is not None
    assert len(figures["sensitivity"]) > 5


def test_grids_that_training_found_are_taken(tmp_path: Path, leaves: tuple[Pair, ...]) -> None:
    images = images_of(dataset(leaves), 3)
    grid = calibrate(GRAPH, WEIGHTS, images.patches[:1])
    figures = make_int8(
        StoredNetwork(GRAPH, WEIGHTS, grid), images, tmp_path, method=None, input_size=SIZE
    )
    assert figures["method"] == "as trained"
    assert load_stored(tmp_path).grid == grid


def test_wide_activations_come_nearer_to_float(tmp_path: Path, leaves: tuple[Pair, ...]) -> None:
    images = images_of(dataset(leaves), 3)
    stored = StoredNetwork(GRAPH, WEIGHTS, None)
    drops = []
    for bits in (8, 16):
        folder = tmp_path / str(bits)
        folder.mkdir()
        method = replace(PLAIN, activation_bits=bits)
        found = make_int8(stored, images, folder, method=method, input_size=SIZE)
        drops.append(abs(found["psnr_float_db"] - found["psnr_litert_db"]))
    assert drops[1] < max(drops[0], 0.005)
    assert "int16" in tensor_types(tmp_path / "16" / "model.tflite")
