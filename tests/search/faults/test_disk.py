"""A disk fills up at a moment: that of the run, or that of the workers' temporary files."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.search.faults.conftest import Stage, Strike


class Disk:
    """A file system of its own, in memory."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self._mount("size=16m")

    def fill(self, *, free_bytes: int = 0) -> None:
        """Leaves so much room."""
        size = max(0, shutil.disk_usage(self.folder).free - free_bytes)
        with (self.folder / "filler").open("wb", buffering=0) as filler:
            try:
                for _ in range(size // 4096):
                    filler.write(bytes(4096))
            except OSError:
                """A search was faster."""

    def enlarge(self) -> None:
        self._mount("remount,size=64m")

    def close(self) -> None:
        subprocess.run(["umount", "--lazy", self.folder], check=False)

    def _mount(self, options: str) -> None:
        command = ["mount", "-t", "tmpfs", "-o", options, "none", str(self.folder)]
        if (made := subprocess.run(command, check=False, capture_output=True)).returncode:
            pytest.skip(f"a file system cannot be mounted here: {made.stderr.decode().strip()}")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    if not shutil.which("mount"):
        pytest.skip("there is no mount here")
    made = Disk(tmp_path / "disk")
    yield made
    made.close()


def test_disk_of_the_run_is_full(disk: Disk, stage: Stage, strike: Strike) -> None:
    scene = stage(run=disk.folder / "r")
    session = scene.start()
    session.reach(strike.moment(first=1))
    disk.fill(free_bytes=strike.random.choice([0, 0, 20_000, 200_000]))
    code = session.stops_well()
    strike.facts["stopped"] = code
    if code:
        assert "free" in session.lines[-1], session.lines[-1]
    scene.nobody_is_left()
    before = scene.stored()
    full = scene.resume()  # nothing is freed yet
    assert full.stops_well() in (0, 2)
    disk.enlarge()
    scene.resume().succeeds()
    scene.resumed_well(before)


def test_temporary_disk_is_full(disk: Disk, stage: Stage, strike: Strike) -> None:
    scene = stage()
    scene.environment["TMPDIR"] = str(disk.folder)
    session = scene.start()
    session.reach(strike.moment())
    disk.fill()
    code = session.stops_well()
    strike.facts["stopped"] = code
    scene.nobody_is_left()
    before = scene.stored()
    disk.enlarge()
    scene.resume().succeeds()
    scene.resumed_well(before)
