"""What the disk refuses is said with its path and a way out."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from nas.data.disk import check_room, writing
from nas.errors import DataError


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_said() -> None:
    full = Path("/dev/full")
    with pytest.raises(DataError) as caught, writing(full):
        full.write_bytes(b"x")
    assert str(caught.value) == (
        "cannot write /dev/full: No space left on device (free space, then try again)"
    )


def test_a_path_that_may_not_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught, writing(tmp_path):
        tmp_path.write_bytes(b"x")
    assert str(caught.value) == f"cannot write {tmp_path}: Is a directory (check its rights)"


def test_room_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=20_000_000))
    check_room(tmp_path, 20_000_000)
    with pytest.raises(DataError) as caught:
        check_room(tmp_path, 20_000_001)
    assert caught.value.message == f"no room in {tmp_path}: 0.02 GB are needed, 0.02 GB are free"
