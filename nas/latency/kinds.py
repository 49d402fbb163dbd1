"""Which kind of latency model a device gets: one by ops where its back-end tells what they take."""

from nas.errors import DeviceError
from nas.latency.devices import Device
from nas.latency.fit import fit_model as fit_whole_model
from nas.latency.model import LatencyModel
from nas.latency.models import AnyLatencyModel
from nas.latency.op_fit import fit_op_model
from nas.latency.op_model import OpLatencyModel
from nas.latency.rows import Rows

__all__ = ["fit_model", "told_by_op"]


def told_by_op(rows: Rows) -> bool:
    """Whether each network's time is known node by node."""
    return all(rows.node_ms)


def fit_model(device: Device, rows: Rows, parent: AnyLatencyModel | None = None) -> AnyLatencyModel:
    """The model of `device`.

    Args:
        device: Whose rows these are.
        rows: Measured networks.
        parent: A model of another device that it leans on, of the kind that `rows` allow.

    Raises:
        DeviceError: The parent is of the other kind.
    """
    if told_by_op(rows):
        if isinstance(parent, LatencyModel):
            raise _other_kind(device, parent, "of whole networks")
        return fit_op_model(device, rows, parent)
    if isinstance(parent, OpLatencyModel):
        raise _other_kind(device, parent, "of single ops")
    return fit_whole_model(device, rows, parent)


def _other_kind(device: Device, parent: AnyLatencyModel, of: str) -> DeviceError:
    return DeviceError(
        f"{device.name} cannot lean on {parent.device}, whose model is made of times {of}",
        "measure both with one back-end, or take `parent` out of device.toml",
    )
