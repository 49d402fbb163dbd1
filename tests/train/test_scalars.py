"""Event files, read back by TensorBoard itself."""

import subprocess
import sys
from pathlib import Path

import pytest

from nas.errors import UsageError
from nas.train import scalars as module
from nas.train.scalars import Scalars, check_tensorboard
from tests.event_files import curves

pytest.importorskip("tensorboard", reason="tensorboard is not installed")


def test_tensorboard_reads_the_curves(tmp_path: Path) -> None:
    first = Scalars(tmp_path / "xcat")
    first.write(100, {"psnr_db/int8": 31.5, "loss": 0.25})
    first.write(300, {"psnr_db/int8": 32.5})
    Scalars(tmp_path / "xcat").write(1000, {"psnr_db/int8": 33.0})  # went on later
    assert curves(tmp_path / "xcat") == {
        "psnr_db/int8": [(100, 31.5), (300, 32.5), (1000, 33.0)],
        "loss": [(100, 0.25)],
    }


def test_nothing_is_made_before_the_first_value(tmp_path: Path) -> None:
    Scalars(tmp_path / "xcat")
    assert not list(tmp_path.iterdir())


def test_writing_loads_neither_tensorflow_nor_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from nas.train.scalars import Scalars\n"
        f"Scalars(Path({str(tmp_path)!r})).write(1, {{'loss': 0.5}})\n"
        "print({'tensorflow', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_missing_package_is_one_line_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    check_tensorboard()
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"needs the package tensorboard \(.*nas\[tensorboard\]"):
        check_tensorboard()
