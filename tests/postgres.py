"""A real PostgreSQL server, for tests only: on a free port of this machine, without a password."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

__all__ = ["Server", "postgres"]

_WAIT_S = 30


@dataclass
class Server:
    """A server that can be killed and started again on the same data."""

    programs: Path
    data: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None
    num_databases: int = 0

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        command = [self.programs / "postgres", "-D", self.data, "-p", str(self.port)]
        command += ["-c", "listen_addresses=127.0.0.1", "-k", self.data]
        self.process = subprocess.Popen(
            [*_as_nobody(), *map(str, command)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        ready = [self.programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        deadline_s = time.monotonic() + _WAIT_S
        while subprocess.run(ready, check=False).returncode:
            assert time.monotonic() < deadline_s, "PostgreSQL does not answer"
            time.sleep(0.1)

    def kill(self) -> None:
        """As a power cut would."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def new_database(self) -> str:
        """URL of an empty database."""
        self.num_databases += 1
        name = f"nas{self.num_databases}"
        options = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "nas", name]
        subprocess.run([self.programs / "createdb", *options], check=True)
        return f"postgresql://nas@127.0.0.1:{self.port}/{name}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A server of this test session."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    with tempfile.TemporaryDirectory(prefix="nas-postgres-") as folder:
        data = Path(folder) / "data"
        data.mkdir(mode=0o700)
        if os.getuid() == 0:  # the server refuses to run as root
            Path(folder).chmod(0o755)
            shutil.chown(data, "postgres")
        command = [programs / "initdb", "-D", data, "-U", "nas", "-A", "trust", "--no-sync"]
        subprocess.run(
            [*_as_nobody(), *map(str, command)], check=True, cwd=folder, stdout=subprocess.DEVNULL
        )
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = Server(programs, data, port)
        server.start()
        yield server
        server.kill()


def _programs() -> Path | None:
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").is_file():
            return folder
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def _as_nobody() -> list[str]:
    return (
        ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        if os.getuid() == 0
        else []
    )
