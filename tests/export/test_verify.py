"""A package that was tampered with is found out; one that means harm does none."""

import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from PIL import Image

from nas.errors import UsageError
from nas.export.layout import PARITY
from nas.export.tflite_content import read_content
from nas.export.verify import check_package
from nas.export.wishes import Wishes
from tests.export.conftest import SIZE, make_finalist, make_package, small_graph

Change = Callable[[Path], object]


def record_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / PARITY).read_text())
    return found


def write_record(folder: Path, record: object) -> None:
    (folder / PARITY).write_text(json.dumps(record))


def rehash(folder: Path, *names: str) -> None:
    """Has the record agree with what the files are now."""
    record = record_of(folder)
    for name in names:
        content = (folder / name).read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        record["files"][name] = {"sha256": sha256, "size_bytes": len(content)}
    write_record(folder, record)


def replace_bytes(file: Path, old: bytes, new: bytes) -> None:
    content = file.read_bytes()
    assert old in content
    file.write_bytes(content.replace(old, new))


def found_in(folder: Path) -> list[str]:
    return [str(finding) for finding in check_package(folder)]


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of another network."""
    place = tmp_path_factory.mktemp("other")
    source = make_finalist(place / "source", small_graph(width=6), seed=3)
    make_package(source, place / "package", Wishes(size=SIZE))
    return place / "package"


def test_a_package_as_exported_has_no_finding(package: Path) -> None:
    assert found_in(package) == []


CHECK_ALONE = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "tensorflow", "keras", "onnx", "onnxruntime"}:
            raise ImportError(name)
sys.meta_path.insert(0, Blocked())
from nas.cli.main import main
main()
"""


def test_check_needs_neither_torch_nor_tensorflow(package: Path) -> None:
    def check() -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-c", CHECK_ALONE, "export", "--check", str(package)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done = check()
    assert (done.returncode, done.stdout, done.stderr) == (
        0, f"{package} is as it was exported\n", ""
    )  # fmt: skip
    shutil.copyfile(package / "model_float.tflite", package / "model.tflite")
    rehash(package, "model.tflite")
    done = check()
    assert (done.returncode, done.stderr) == (1, "")
    assert "model.tflite: integers only: float32 in " in done.stdout


# Files that changed


@pytest.mark.parametrize(
    "name",
    [
        *("model.tflite", "model_float.tflite", "model.keras", "model.onnx", "graph.txt"),
        *("weights.safetensors", "card.md", "run.py", "result.json", "check/coffee.png"),
        *("saved_model/saved_model.pb", "deployed/grid.json", "synap.yaml"),
    ],
)
def test_a_flipped_byte_is_found(package: Path, name: str) -> None:
    content = bytearray((package / name).read_bytes())
    before = hashlib.sha256(content).hexdigest()
    content[len(content) // 2] ^= 1
    (package / name).write_bytes(content)
    after = hashlib.sha256(content).hexdigest()
    assert found_in(package) == [f"{name}: sha256: {after[:16]}..., recorded is {before[:16]}..."]


def test_files_that_were_exchanged_are_found(package: Path) -> None:
    (package / "model.tflite").rename(package / "spare")
    (package / "model_float.tflite").rename(package / "model.tflite")
    (package / "spare").rename(package / "model_float.tflite")
    found = found_in(package)
    assert len(found) == 2
    assert found[0].startswith("model.tflite: size: ")
    assert found[1].startswith("model_float.tflite: size: ")


def test_missing_and_added_files_are_found(package: Path) -> None:
    (package / "card.md").unlink()
    (package / "more").mkdir()
    (package / "more" / "x.bin").write_bytes(b"x")
    assert found_in(package) == [
        "card.md: no file is missing: it is not there",
        f"more/x.bin: no file was added: {PARITY} does not list it",
    ]


def test_a_file_that_is_taken_out_of_the_record_too_is_missed(package: Path) -> None:
    (package / "model_float.tflite").unlink()
    record = record_of(package)
    del record["files"]["model_float.tflite"]
    write_record(package, record)
    assert found_in(package) == [
        f"model_float.tflite: every package has it: {PARITY} does not list it"
    ]


# Files that changed with their hashes


def test_another_network_with_right_hashes_is_found(package: Path, other: Path) -> None:
    shutil.copyfile(other / "model.tflite", package / "model.tflite")
    rehash(package, "model.tflite")
    digest = small_graph().digest
    lines = found_in(package)
    assert (
        f"model.tflite: the weights of {digest}: 6x3x3x3 of the file is without its like" in lines
    )
    assert not any(" dB" in line for line in lines)  # what is wrong does not run


@pytest.mark.parametrize("name", ["model.tflite", "model_float.tflite"])
def test_the_same_network_trained_otherwise_is_found(
    package: Path, tmp_path: Path, name: str
) -> None:
    source = make_finalist(tmp_path / "source", small_graph(), seed=1)
    make_package(source, tmp_path / "retrained", Wishes(size=SIZE))
    shutil.copyfile(tmp_path / "retrained" / name, package / name)
    rehash(package, name)
    lines = found_in(package)
    rule = f"{name}: the weights of {small_graph().digest}: "
    assert f"{rule}8x3x3x3 of the file is without its like" in lines
    assert f"{rule}8x3x3x3 of the network is without its like" in lines


def test_other_weights_throughout_are_told_by_their_pixels(package: Path, tmp_path: Path) -> None:
    source = make_finalist(tmp_path / "source", small_graph(), seed=1)
    make_package(source, tmp_path / "retrained", Wishes(size=SIZE))
    names = ["model.tflite", "model_float.tflite", "weights.safetensors"]
    names += ["deployed/weights.safetensors", "deployed/grid.json"]
    for name in names:
        shutil.copyfile(tmp_path / "retrained" / name, package / name)
    rehash(package, *names)
    lines = found_in(package)
    assert {line.partition(":")[0] for line in lines} == {"model.tflite", "model_float.tflite"}
    assert all(" dB, recorded are " in line for line in lines)


def scale_places(content: bytes, *, constant: bool) -> list[bytes]:
    """Scales of the int8 tensors of a file but that of the image, as it stores them."""
    found = read_content(content)
    scales = {
        scale
        for tensor in found.tensors
        if tensor.dtype == "int8" and tensor.is_constant == constant
        for scale in tensor.scales[:1]
    }
    return [struct.pack("<f", scale) for scale in scales - {float(np.float32(1 / 255))}]


@pytest.mark.parametrize(
    ("constant", "rule"),
    [
        (True, f"the weights of {small_graph().digest}: "),
        (False, "scales and zero points of deployed/grid.json: "),
    ],
)
def test_any_wrong_scale_is_found(package: Path, constant: bool, rule: str) -> None:
    content = (package / "model.tflite").read_bytes()
    for old in scale_places(content, constant=constant):
        (value,) = struct.unpack("<f", old)
        changed = content.replace(old, struct.pack("<f", value * 1.001))
        (package / "model.tflite").write_bytes(changed)
        rehash(package, "model.tflite")
        assert any(line.startswith(f"model.tflite: {rule}") for line in found_in(package))


@pytest.mark.parametrize("name", ["model.keras", "graph.txt"])
def test_another_keras_model_or_graph_is_found(package: Path, other: Path, name: str) -> None:
    shutil.copyfile(other / name, package / name)
    rehash(package, name)
    rules = {
        "model.keras": "model.keras: the network of graph.txt: nas_",
        "graph.txt": "graph.txt: the graph of weights.safetensors: ",
    }
    (found,) = found_in(package)
    assert found.startswith(rules[name])


def test_float_ops_are_found(package: Path) -> None:
    shutil.copyfile(package / "model_float.tflite", package / "model.tflite")
    rehash(package, "model.tflite")
    found = "\n".join(found_in(package))
    assert "model.tflite: integers only: float32 in " in found
    assert "model.tflite: its input is uint8: float32" in found
    assert "model.tflite: scale of its output: none, not 1/255" in found


@pytest.mark.parametrize("form", ["model.tflite", "model_float.tflite"])
def test_an_op_that_no_npu_has_is_found(package: Path, form: str) -> None:
    content = bytearray((package / form).read_bytes())
    code = schema.Model.GetRootAs(content, 0).OperatorCodes(0)
    tab = code._tab
    place = tab.Pos + tab.Offset(10)  # of the op's number
    struct.pack_into("<i", content, place, schema.BuiltinOperator.WHILE)
    (package / form).write_bytes(content)
    rehash(package, form)
    found = found_in(package)
    assert f"{form}: an op that {small_graph().digest} becomes: WHILE" in found
    assert not any("LiteRT" in line for line in found)  # what is wrong does not run


@pytest.mark.parametrize("factor", [0.5, 1.001, 2.0])
def test_a_wrong_scale_of_the_image_is_found(package: Path, factor: float) -> None:
    one = np.float32(1 / 255)
    old, new = (struct.pack("<f", scale) for scale in (one, one * np.float32(factor)))
    replace_bytes(package / "model.tflite", old, new)
    rehash(package, "model.tflite")
    found = "\n".join(found_in(package))
    said = f"{float(one * np.float32(factor)):.9g}, not 1/255 = 0.00392156863"
    assert f"model.tflite: scale of its input: {said}" in found
    assert f"model.tflite: scale of its output: {said}" in found


def test_a_wrong_zero_point_of_the_image_is_found(package: Path) -> None:
    content = bytearray((package / "model.tflite").read_bytes())
    graph = schema.Model.GetRootAs(content, 0).Subgraphs(0)
    tab = graph.Tensors(graph.Outputs(0)).Quantization()._tab
    struct.pack_into("<q", content, tab.Vector(tab.Offset(10)), 3)  # of the list of zero points
    (package / "model.tflite").write_bytes(content)
    rehash(package, "model.tflite")
    assert found_in(package) == ["model.tflite: zero point of its output: 3, not 0"]


def test_another_input_size_is_found(package: Path, finalist: Path, tmp_path: Path) -> None:
    make_package(finalist, tmp_path / "free", Wishes(size=(16, 16)))
    shutil.copyfile(tmp_path / "free" / "model.tflite", package / "model.tflite")
    rehash(package, "model.tflite")
    assert found_in(package) == ["model.tflite: its input: 16x16, recorded is 32x48"]


def test_a_lambda_layer_is_found(package: Path) -> None:
    with zipfile.ZipFile(package / "model.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    config["config"]["layers"][1] |= {"class_name": "Lambda"}
    config["config"]["layers"][2] |= {"module": "mine", "class_name": "Layer"}
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(package / "model.keras", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    rehash(package, "model.keras")
    assert found_in(package) == [
        "model.keras: built-in layers only: keras.layers.Lambda, mine.Layer"
    ]


def test_images_of_another_size_are_found(package: Path) -> None:
    Image.new("RGB", (190, 192)).save(package / "check" / "coffee.png")
    rehash(package, "check/coffee.png")
    assert found_in(package) == ["check: images to check on: images of several sizes"]


# Records that changed


def set_value(*path: str, value: object) -> Change:
    def change(folder: Path) -> None:
        record = record_of(folder)
        inner = record
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value
        write_record(folder, record)

    return change


RECORDS: list[tuple[Change, str]] = [
    (
        set_value("forms", "tflite_int8", "psnr_db", value=[30.0] * 6),
        "model.tflite: PSNR of check image 1: ",
    ),
    (
        set_value("forms", "keras", "difference", value=0.5),
        "model.keras: keras is what torch gives: 0.5, at most 0.0001",
    ),
    (
        set_value("forms", "keras", "difference", value=None),
        "model.keras: keras is what torch gives: -1, at most 0.0001",
    ),
    (
        set_value("forms", "onnx_int8", "psnr_db", value=[20] * 6),
        "model.onnx: onnx_int8 is what model.tflite gives: 20.000 dB and ",
    ),
    (set_value("forms", value={}), "parity.json: every form is recorded: , expected are torch, "),
    (set_value("network", value="0" * 16), "graph.txt: the network that was exported: "),
    (set_value("scale", value=2), "graph.txt: scale: 3, recorded is 2"),
    (set_value("target", value="moon"), "parity.json: target: moon, known is mobile-npu"),
    (set_value("ops", "CONV_2D", value=99), "model.tflite: its ops: "),
    (set_value("types", "int8", value=99), "model.tflite: types of its tensors: "),
    (
        set_value("input_size", value=None),
        "model.tflite: its input: 32x48, recorded is of any size",
    ),
]


@pytest.mark.parametrize(("change", "line"), RECORDS, ids=[line for _, line in RECORDS])
def test_a_record_that_disagrees_is_found(package: Path, change: Change, line: str) -> None:
    change(package)
    assert any(found.startswith(line) for found in found_in(package))


# Packages that mean harm

HARMS: list[tuple[str, str]] = [  # text of parity.json, what is said
    ("", "it is no JSON: "),
    ("[" * 100_000, "it is no JSON: "),
    ("[]", "the record is [], not fields"),
    ('{"format": 1e400}', "its format is inf, known is 1"),
    ('{"format": 2}', "its format is 2, known is 1"),
    (f'{{"format": {"9" * 5000}}}', "it is no JSON: "),
]


@pytest.mark.parametrize(("text", "said"), HARMS, ids=range(len(HARMS)))
def test_a_record_that_is_none_is_found(package: Path, text: str, said: str) -> None:
    (package / PARITY).write_text(text)
    (found,) = found_in(package)
    assert found.startswith(f"parity.json: a record: {said}")


def file_entry(name: str) -> Change:
    return set_value("files", name, value={"sha256": "0" * 64, "size_bytes": 1})


@pytest.mark.parametrize(
    "name",
    [
        "../secret",
        "/etc/passwd",
        "a/../../b",
        "a\\b",
        ".hidden",
        "a//b",
        "C:x",
        "x" * 200,
        "a\nb",
        "",
    ],
)
def test_names_that_leave_the_folder_are_refused(package: Path, name: str) -> None:
    file_entry(name)(package)
    (found,) = found_in(package)
    assert found.startswith("parity.json: a record: ")
    assert found.endswith(" is no name of a file in a package")


NUMBERS: list[tuple[tuple[str, ...], object]] = [
    (("files", "card.md", "size_bytes"), 2**80),
    (("files", "card.md", "size_bytes"), -1),
    (("files", "card.md", "size_bytes"), True),
    (("files", "card.md", "sha256"), "z" * 64),
    (("files", "card.md", "sha256"), None),
    (("input_size",), [2**40, 2]),
    (("input_size",), [1, 2, 3]),
    (("scale",), 10**6),
    (("forms", "keras", "psnr_db"), [1e300] * 6),
    (("forms", "keras", "psnr_db"), [float("nan")] * 6),
    (("forms", "keras", "psnr_db"), [30.0] * 10_000),
    (("forms", "keras", "runtime"), "\x1b[2J"),
    (("forms", "keras", "runtime"), "x" * 10_000),
    (("ops",), {"CONV_2D": 1e9}),
    (("network",), ["x"]),
]


@pytest.mark.parametrize(("path", "value"), NUMBERS, ids=[str(path) for path, _ in NUMBERS])
def test_values_out_of_range_are_refused(
    package: Path, path: tuple[str, ...], value: object
) -> None:
    set_value(*path, value=value)(package)
    (found,) = found_in(package)
    assert found.startswith("parity.json: a record: ")
    assert len(found) < 200
    assert found.isprintable()


def test_links_are_not_followed(package: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "x").write_text("x")
    shutil.move(package / "card.md", secret / "card.md")
    (package / "card.md").symlink_to(secret / "card.md")
    (package / "folder").symlink_to(secret)
    assert found_in(package) == [
        "card.md: plain files only: it is a link",
        "folder: plain files only: it is a link",
        "card.md: no file is missing: it is not there",
    ]


def test_a_link_in_place_of_the_record_is_no_package(package: Path, tmp_path: Path) -> None:
    shutil.move(package / PARITY, tmp_path / PARITY)
    (package / PARITY).symlink_to(tmp_path / PARITY)
    with pytest.raises(UsageError) as caught:
        check_package(package)
    assert str(caught.value) == (
        f"{package} is no package, it has no parity.json "
        "(give --check a folder that `nas export` wrote)"
    )


def test_a_pipe_does_not_hold_the_check_up(package: Path) -> None:
    os.mkfifo(package / "pipe")
    assert found_in(package) == ["pipe: plain files only: it is no plain file"]


def test_folders_within_folders_do_not_exhaust_the_check(package: Path) -> None:
    deep = package / "/".join("x" * 900)
    deep.mkdir(parents=True)
    assert found_in(package) == ["x/x/x/x/x: plain files only: it is no plain file"]


def test_more_files_than_any_package_has_are_not_read(package: Path) -> None:
    (package / "z").mkdir()
    for number in range(1000):
        (package / "z" / f"{number}").touch()
    assert found_in(package)[0] == ".: number of files: more than 1000"


def test_odd_names_of_files_are_printable(package: Path) -> None:
    (package / "a\x1b[31m\n.txt").write_text("x")
    assert found_in(package) == [
        r"a\x1b[31m\n.txt: no file was added: parity.json does not list it"
    ]


def test_a_large_record_is_not_read(package: Path) -> None:
    (package / PARITY).write_text(" " * (2**22 + 1))
    assert found_in(package) == ["parity.json: size: 4194305 bytes, at most 4194304"]


def test_a_large_graph_is_not_parsed(package: Path) -> None:
    (package / "graph.txt").write_text("0 input(3)\n" * 10_000)
    rehash(package, "graph.txt")
    assert found_in(package) == [
        "graph.txt: the graph of weights.safetensors: 110000 bytes, at most 65536"
    ]


def test_an_image_that_would_fill_the_memory_is_not_decoded(package: Path) -> None:
    Image.new("RGB", (20_000, 2)).save(package / "check" / "coffee.png")
    rehash(package, "check/coffee.png")
    assert found_in(package) == ["check: images to check on: coffee.png has 20000x2 pixels"]


@pytest.mark.parametrize("place", range(0, 2000, 160))
def test_any_damage_with_right_hashes_is_a_finding_or_harmless(package: Path, place: int) -> None:
    content = bytearray((package / "model.tflite").read_bytes())
    content[place] ^= 0xFF
    (package / "model.tflite").write_bytes(content)
    rehash(package, "model.tflite")
    assert all(line.startswith("model.tflite: ") for line in found_in(package))


def test_what_is_no_package_is_refused(tmp_path: Path) -> None:
    for folder, message in (
        (tmp_path / "none", f"there is no folder {tmp_path / 'none'}"),
        (tmp_path, f"{tmp_path} is no package, it has no parity.json"),
    ):
        with pytest.raises(UsageError) as caught:
            check_package(folder)
        assert caught.value.message == message
