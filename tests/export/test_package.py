"""The package as files."""

from pathlib import Path

import pytest
import torch

from nas.export.package import write_package
from nas.quantize.refit import quantize
from nas.train.start import identity_start
from nas.zoo import zoo_entry


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # keras.save on numpy 2
def test_all_files_have_the_rights_of_any_new_file(tmp_path: Path) -> None:
    graph = zoo_entry("XLSR").build()
    weights = identity_start(graph, seed=0, gain=1.0)
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    (other := tmp_path / "other").touch()
    (folder := tmp_path / "package").mkdir()
    write_package(graph, weights, quantize(graph, weights, images), folder, input_size=(16, 16))
    assert {path.name: path.stat().st_mode for path in folder.iterdir()} == dict.fromkeys(
        ("graph.txt", "model.keras", "model.tflite", "weights.safetensors"), other.stat().st_mode
    )
