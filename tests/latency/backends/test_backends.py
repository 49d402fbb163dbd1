"""Back-ends by name."""

import pytest

from nas.errors import DeviceError
from nas.latency.backends import BACKENDS, open_backend
from nas.latency.backends.adb import Adb
from nas.latency.backends.host_cpu import HostCpu
from nas.latency.backends.vela import Vela

OPENED = [  # name, device, options, back-end
    ("host-cpu", "laptop", {"threads": 2, "force": True}, HostCpu(threads=2, force=True)),
    ("vela", "ethos-u55", {}, Vela("ethos-u55")),
    ("vela", "ours", {"accelerator": "ethos-u85"}, Vela("ethos-u85")),
    ("adb", "pixel", {"serial": "A", "threads": None}, Adb(serial="A")),
]


@pytest.mark.parametrize(("name", "device", "options", "expected"), OPENED)
def test_a_back_end_is_opened_by_name(
    name: str, device: str, options: dict[str, object], expected: object
) -> None:
    opened = open_backend(name, device, **options)
    assert opened == expected
    assert opened.name == name


def test_each_name_opens() -> None:
    assert {name for name, *_ in OPENED} == set(BACKENDS)


REFUSED = [
    ("toaster", {}, "there is no back-end 'toaster' (known: adb, host-cpu, vela)"),
    (
        "host-cpu",
        {"serial": "A"},
        "the back-end host-cpu has no option 'serial' (it has: threads, force)",
    ),
    ("vela", {}, "Vela knows no accelerator 'pixel' (known: ethos-u55, ethos-u65, ethos-u85)"),
]


@pytest.mark.parametrize(("name", "options", "message"), REFUSED)
def test_what_cannot_be_opened_is_refused(
    name: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(DeviceError) as caught:
        open_backend(name, "pixel", **options)
    assert str(caught.value) == message
