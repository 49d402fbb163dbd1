"""Who can reach the dashboard: this machine alone, whatever the environment says."""

from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlparse

import pytest

from nas.errors import RunError
from nas.report.dashboard import serve
from tests.report.serving import serving

LOOPBACK = "0100007F"  # 127.0.0.1 as the kernel writes it
LISTEN = "0A"


def listening(port: int) -> set[str]:
    """Local addresses, as the kernel writes them, at which anybody listens on `port`."""
    lines = [
        line.split()
        for table in ("tcp", "tcp6")
        if (file := Path("/proc/net", table)).is_file()
        for line in file.read_text().splitlines()[1:]
    ]
    own = [line[1].split(":") for line in lines if line[3] == LISTEN]
    return {address for address, number in own if int(number, 16) == port}


def test_only_this_machine_is_let_in(make_run, monkeypatch):
    for name in ("HOST", "NAS_HOST", "NAS_DASHBOARD_HOST", "OPTUNA_DASHBOARD_HOST"):
        monkeypatch.setenv(name, "0.0.0.0")
    with ExitStack() as stack:
        address = stack.enter_context(serving(make_run(num_trials=10)))
        assert listening(int(urlparse(address).port or 0)) == {LOOPBACK}


@pytest.mark.parametrize("host", ["", " "])
def test_an_empty_host_does_not_mean_everybody(make_run, host):
    with pytest.raises(RunError, match=r"--host is empty \(leave it out to listen on 127"):
        serve(make_run(num_trials=10), 0, host=host)
