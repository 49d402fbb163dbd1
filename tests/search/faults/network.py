"""Two machines, as far as the network can tell: namespaces of the kernel with a cable between."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

__all__ = ["Cable", "cable"]


class Cable:
    """Joins the namespaces `here` and `there`."""

    def __init__(self) -> None:
        self.here, self.there = f"nas-{os.getpid()}-here", f"nas-{os.getpid()}-there"
        self.here_address, self.there_address = "10.213.7.1", "10.213.7.2"

    def lay(self) -> None:
        ends = [
            ("cable0", self.here, self.here_address),
            ("cable1", self.there, self.there_address),
        ]
        for _, namespace, _ in ends:
            _ip("netns", "add", namespace)
        _ip("-n", self.here, "link", "add", "cable0", "type", "veth",
            "peer", "name", "cable1", "netns", self.there)  # fmt: skip
        for end, namespace, address in ends:
            _ip("-n", namespace, "address", "add", f"{address}/24", "dev", end)
            _ip("-n", namespace, "link", "set", end, "up")
            _ip("-n", namespace, "link", "set", "lo", "up")

    def cut(self) -> None:
        """Both ends see no error: packets go nowhere."""
        self._set("down")

    def mend(self) -> None:
        self._set("up")

    def remove(self) -> None:
        for namespace in (self.here, self.there):
            subprocess.run(["ip", "netns", "del", namespace], check=False, capture_output=True)

    def _set(self, state: str) -> None:
        for namespace, end in ((self.here, "cable0"), (self.there, "cable1")):
            _ip("-n", namespace, "link", "set", end, state)

    def at(self, namespace: str) -> list[str]:
        """Prefix of a command that runs there."""
        return ["ip", "netns", "exec", namespace]


@contextmanager
def cable() -> Iterator[Cable]:
    """Skips the test where this machine gives no namespaces."""
    if not shutil.which("ip"):
        pytest.skip("iproute2 is not installed: apt-get install iproute2")
    laid = Cable()
    try:
        laid.lay()
        yield laid
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespaces here: {error.stderr.decode().strip()}")
    finally:
        laid.remove()


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
