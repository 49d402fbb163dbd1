"""A report of a run that cannot be written is one line."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from nas.errors import RunError
from nas.report import page, shell


def test_a_read_only_run_is_a_run_error(
    make_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, text: str) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    run = make_run()
    monkeypatch.setattr(shell, "write_text", refuse)
    with pytest.raises(RunError) as caught:
        page.write_report(run)
    assert str(caught.value) == (
        f"{run}/report.html cannot be written: Read-only file system "
        "(free the disk, or give --out another place)"
    )
    assert not (run / "report.html").exists()


def test_a_folder_for_a_file_is_a_run_error(make_run: Callable[..., Path]) -> None:
    run = make_run()
    (run / "trials.csv").unlink()
    (run / "trials.csv").mkdir()
    with pytest.raises(RunError) as caught:
        page.write_report(run)
    assert str(caught.value) == (
        f"{run / 'trials.csv'} cannot be read: Is a directory (give a run that you may read)"
    )
