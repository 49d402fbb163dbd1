"""The package: what is in it, and that nothing in it is code of others."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from nas.errors import NasError, UsageError
from nas.export import forms, ship
from nas.export.float_forms import to_float_tflite
from nas.export.layout import DEPLOYED, PARITY, REQUIRED
from nas.export.record import parse_record
from nas.export.tflite_content import read_content
from nas.export.verify import FORMS, check_package
from nas.export.wishes import Wishes
from nas.graph import Conv2d, GraphBuilder, ResizeNearest
from nas.quantize.litert import run_tflite
from nas.quantize.stored import load_stored
from tests.export.conftest import SIZE, make_finalist, make_package, small_graph


def files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_package_has_every_file(whole: Path) -> None:
    variables = {"fingerprint.pb", "variables/variables.index"}
    variables |= {"variables/variables.data-00000-of-00001"}
    saved = {f"saved_model/{name}" for name in variables}
    assert files_of(whole) == REQUIRED | saved | {PARITY, "model.onnx"}


def test_all_files_have_the_rights_of_any_new_file(whole: Path, tmp_path: Path) -> None:
    (other := tmp_path / "other").touch()
    modes = {path.stat().st_mode for path in whole.rglob("*") if path.is_file()}
    assert modes == {other.stat().st_mode}


def test_package_is_a_stored_network_again(whole: Path, finalist: Path) -> None:
    again, before = load_stored(whole), load_stored(finalist)
    assert again.graph == before.graph
    assert all(np.array_equal(again.weights[name], before.weights[name]) for name in before.weights)
    assert load_stored(whole / DEPLOYED).grid == load_stored(finalist / DEPLOYED).grid


def test_the_measured_int8_file_is_shipped_as_it_is(whole: Path, finalist: Path) -> None:
    assert (whole / "model.tflite").read_bytes() == (finalist / "model.tflite").read_bytes()


def test_every_form_is_recorded_and_agrees(whole: Path) -> None:
    record = parse_record((whole / PARITY).read_text())
    assert list(record.forms) == list(FORMS)
    for form in record.forms.values():
        assert len(form.psnr_db) == 6
        assert (form.difference is None) == (form.precision == "int8")
        assert (form.difference or 0.0) <= 1e-4
    exact = record.forms["simulation"].psnr_db
    assert record.forms["tflite_int8"].psnr_db == pytest.approx(exact, abs=0.02)


@pytest.mark.parametrize("size", [(24, 40), None], ids=["fixed", "free"])
def test_another_size_has_the_same_codes(
    finalist: Path, tmp_path: Path, size: tuple[int, int] | None
) -> None:
    folder = tmp_path / "other"
    make_package(finalist, folder, Wishes(size=size))
    for name in ("model.tflite", "model_float.tflite"):
        assert read_content((folder / name).read_bytes()).size == size
    image = np.random.default_rng(0).integers(0, 256, (1, 24, 40, 3), dtype=np.uint8)
    made, before = (run_tflite(place / "model.tflite", image) for place in (folder, finalist))
    assert np.array_equal(made, before)
    assert check_package(folder) == ()


def test_a_network_that_holds_sizes_has_no_free_size(tmp_path: Path) -> None:
    g = GraphBuilder()
    graph = g.graph(g.chain(g.input, Conv2d(3), ResizeNearest(3)))
    source = make_finalist(tmp_path / "source", graph)
    with pytest.raises(UsageError) as caught:
        make_package(source, tmp_path / "package", Wishes(size=None))
    assert str(caught.value) == (
        f"a file of {graph.digest} cannot have a free size: its ResizeNearest would compute sizes "
        "on the device, which no NPU does (leave out --free-size)"
    )


def test_forms_that_disagree_are_not_shipped(
    finalist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = {name: array * 1.1 for name, array in load_stored(finalist).weights.items()}
    monkeypatch.setattr(
        ship, "to_float_tflite", lambda graph, _, size: to_float_tflite(graph, wrong, size)
    )
    with pytest.raises(NasError) as caught:
        make_package(finalist, tmp_path / "package", Wishes(size=SIZE))
    said = str(caught.value)
    assert said.startswith("the package would be wrong: model_float.tflite: tflite_float is what ")


def test_without_onnxruntime_the_onnx_file_is_not_measured(
    finalist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms, "find_spec", lambda name: None)
    notes = make_package(finalist, tmp_path / "package", Wishes(size=SIZE, onnx="nchw"))
    record = parse_record((tmp_path / "package" / PARITY).read_text())
    assert "model.onnx" in record.files
    assert "onnx_int8" not in record.forms
    assert notes[1] == "converting to ONNX"


# No code of others


LOADS = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "nas":
            raise ImportError(name)
sys.meta_path.insert(0, Blocked())
import keras, numpy
network = keras.saving.load_model(sys.argv[1], safe_mode=True)
image = numpy.full((1, 20, 30, 3), 0.5, "float32")
print(tuple(network(image).shape))
"""


def test_keras_model_loads_in_safe_mode_without_nas(whole: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADS, str(whole / "model.keras")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split("\n")[-2] == "(1, 60, 90, 3)"


def test_saved_model_has_built_in_ops_only(whole: Path) -> None:
    from tensorflow.core.protobuf import saved_model_pb2
    from tensorflow.python.framework import op_def_registry

    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((whole / "saved_model" / "saved_model.pb").read_bytes())
    graphs = [meta.graph_def for meta in saved.meta_graphs]
    nodes = [node for graph in graphs for node in graph.node]
    nodes += [node for graph in graphs for each in graph.library.function for node in each.node_def]
    ops = {node.op for node in nodes}
    assert "Conv2D" in ops
    assert {op for op in ops if op_def_registry.get(op) is None} == set()
    assert not ops & {"PyFunc", "EagerPyFunc", "PyFuncStateless", "LoadLibrary"}


def test_tflite_files_have_no_custom_op(whole: Path) -> None:
    for file in whole.rglob("*.tflite"):
        assert read_content(file.read_bytes()).custom == ()


def test_onnx_file_has_standard_ops_only(whole: Path) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load(whole / "model.onnx")
    assert {opset.domain for opset in model.opset_import} == {""}
    assert len(model.functions) == 0


def test_no_file_is_or_holds_a_pickle(whole: Path) -> None:
    for name in files_of(whole):
        content = (whole / name).read_bytes()
        contents = [content]
        if zipfile.is_zipfile(whole / name):
            with zipfile.ZipFile(whole / name) as archive:
                assert name == "model.keras"
                contents = [archive.read(member) for member in archive.namelist()]
        for each in contents:
            assert each[:1] != b"\x80"  # as every pickle begins since 2001


def test_saved_model_serves_any_size(whole: Path) -> None:
    network = tf.saved_model.load(str(whole / "saved_model"))
    assert tuple(network.serve(tf.zeros((2, 17, 23, 3))).shape) == (2, 51, 69, 3)


def test_result_and_card_tell_the_figures(whole: Path) -> None:
    assert json.loads((whole / "result.json").read_text())["trial"] == 7
    text = (whole / "card.md").read_text()
    graph = small_graph()
    assert text.startswith("# run#7\n\nA network that upscales RGB images by 3")
    assert graph.digest in text
    assert "30.125 dB PSNR" in text
    assert "(80 % interval 10.00 to 15.00 ms)" in " ".join(text.split())
    assert max(len(line) for line in text.splitlines() if not line.startswith("|")) <= 100
