"""The clock of the machine jumps by hours, forth or back, under a search and all its workers."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.search.faults.conftest import Stage, Strike
from tests.search.faults.test_killed import OPTIONS, each_executor

_HOUR_S = 3600
_SOURCE = Path(__file__).with_name("clock.c")


@pytest.fixture(scope="session")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that lets the clock of a process jump."""
    if not shutil.which("cc"):
        pytest.skip("there is no C compiler: apt-get install gcc libc6-dev")
    library = tmp_path_factory.mktemp("clock") / "clock.so"
    command = ["cc", "-shared", "-fPIC", "-O1", "-o", library, _SOURCE, "-ldl"]
    made = subprocess.run(command, check=False, capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"the clock cannot be built here: {made.stderr.strip()}")
    return library


def jump(file: Path, seconds: int) -> None:
    with file.open("r+b") as written:  # in place: processes have mapped it
        written.write(seconds.to_bytes(8, "little", signed=True))


@each_executor
def test_clock_jumps(executor: str, clock: Path, stage: Stage, strike: Strike) -> None:
    scene = stage(OPTIONS[executor])
    file = scene.folder / "jump"
    file.write_bytes(bytes(8))
    scene.environment |= {"LD_PRELOAD": str(clock), "CLOCK_JUMP": str(file)}
    session = scene.start()
    session.reach(strike.moment())
    hours = strike.random.choice([-3, 3])
    strike.facts["hours"] = hours
    jump(file, hours * _HOUR_S)
    session.succeeds()
    scene.went_on_well(lambda _, processes: not processes)
    code = "import time, datetime; print(time.time(), datetime.datetime.now().timestamp())"
    told = scene.python(code).split()
    assert [round((float(s) - time.time()) / _HOUR_S) for s in told] == [hours, hours]
