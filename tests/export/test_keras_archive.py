"""A `.keras` file is judged without Keras."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from nas.export.keras_archive import foreign_classes, network_name
from tests.export.conftest import small_graph


def archive(file: Path, config: object, **more: bytes) -> Path:
    with zipfile.ZipFile(file, "w") as stream:
        stream.writestr("config.json", json.dumps(config))
        for name in ("metadata.json", "model.weights.h5", *more):
            stream.writestr(name, more.get(name, b""))
    return file


def layer(name: object, module: object = "keras.layers", **more: object) -> dict[str, Any]:
    return {"config": {"layers": [{"class_name": name, "module": module, **more}]}}


def test_a_model_of_ours_has_nothing_foreign(whole: Path) -> None:
    assert foreign_classes(whole / "model.keras") == ()
    assert network_name(whole / "model.keras") == f"nas_{small_graph().digest}"


FOREIGN = [  # config, what is found
    (layer("Conv2D"), ()),
    (layer("Add", "keras.src.ops.numpy", registered_name="Add"), ()),
    (layer("Lambda"), ("keras.layers.Lambda",)),
    (layer("Conv2D", "keras.layersx"), ("keras.layersx.Conv2D",)),
    (layer("Mine", "mine"), ("mine.Mine",)),
    (layer("Conv2D", registered_name="mine>Conv2D"), ("keras.layers.Conv2D",)),
    (layer("function", "builtins", config="system"), ("builtins.function",)),
    (layer("__lambda__", None), ("None.__lambda__",)),
    (layer("load_model", "keras.saving"), ("keras.saving.load_model",)),
    (layer(["x"], ["y"]), ("['y'].['x']",)),
    ({"config": {"x": [[{"class_name": "Lambda", "module": "keras.layers"}]]}},
     ("keras.layers.Lambda",)),
]  # fmt: skip


@pytest.mark.parametrize(("config", "found"), FOREIGN)
def test_what_is_foreign_is_named(tmp_path: Path, config: object, found: tuple[str, ...]) -> None:
    assert foreign_classes(archive(tmp_path / "x.keras", config)) == found


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    deep: Any = []
    for _ in range(80):
        deep = [deep]
    files = [
        archive(tmp_path / "a", {}, **{"evil.pkl": b"x"}),
        archive(tmp_path / "b", []),
        archive(tmp_path / "c", {"config": deep}),
    ]
    (tmp_path / "d").write_bytes(b"x")
    said = [
        "it is no Keras archive: it holds evil.pkl, or lacks it",
        "its config.json holds no network",
        "its config.json is nested too deeply",
        "it is no Keras archive: File is not a zip file",
    ]
    for file, message in zip([*files, tmp_path / "d"], said, strict=True):
        with pytest.raises(ValueError, match=r".") as caught:
            foreign_classes(file)
        assert str(caught.value) == message
