"""Programs that measure a network's time: this machine, Arm's compiler, a phone."""

from typing import Any

from nas.errors import DeviceError
from nas.latency.backends.base import Backend

__all__ = ["BACKENDS", "TELL_OPS", "open_backend"]

_OPTIONS = {
    "adb": ("serial", "delegate", "threads", "remote", "adb"),
    "host-cpu": ("threads", "force"),
    "vela": ("accelerator",),
}
BACKENDS = tuple(_OPTIONS)
TELL_OPS = frozenset({"vela"})  # those whose measurements have `node_ms`


def open_backend(name: str, device_name: str, **options: Any) -> Backend:
    """The back-end `name`; measures nothing yet.

    Args:
        name: One of `BACKENDS`.
        device_name: Of the device that is measured; `vela` takes it for the accelerator where it
            is one ("ethos-u65").
        **options: Of the back-end, as its class describes them; None stands for the default.

    Raises:
        DeviceError: No such back-end, an option that it has not, or a value that it cannot use.
    """
    if name not in _OPTIONS:
        raise DeviceError(f"there is no back-end {name!r}", f"known: {', '.join(BACKENDS)}")
    given = {key: value for key, value in options.items() if value is not None}
    for key in given:
        if key not in _OPTIONS[name]:
            known = ", ".join(_OPTIONS[name])
            raise DeviceError(f"the back-end {name} has no option {key!r}", f"it has: {known}")
    if name == "adb":
        from nas.latency.backends.adb import Adb

        return Adb(**given)
    if name == "host-cpu":
        from nas.latency.backends.host_cpu import HostCpu

        return HostCpu(**given)
    from nas.latency.backends.vela import Vela

    return Vela(**{"accelerator": device_name, **given})
