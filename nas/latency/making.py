"""From a device's rows to its model and card."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from nas.latency.card import write_card
from nas.latency.devices import Device, load_device, own_folder, read_device
from nas.latency.models import AnyLatencyModel
from nas.latency.records import Record, Resolve, load_records
from nas.latency.rows import Rows, rows_of
from nas.latency.texts import write_texts
from nas.latency.validate import Validation, validate

__all__ = ["Evidence", "make_model", "read_evidence"]


@dataclass(frozen=True)
class Evidence:
    """What a device's model is made of.

    Args:
        device: Whose.
        records: All of its rows.
        rows: Those that are fitted; None where none is, as for a device that is only shown.
        parent: The model it leans on, if any.
    """

    device: Device
    records: Sequence[Record]
    rows: Rows | None
    parent: AnyLatencyModel | None


def read_evidence(device: Device, resolve: Resolve) -> Evidence:
    """The rows of `device`; `resolve` gives the graph of a published name.

    Raises:
        DeviceError: A bad row, too few of them, or a parent without a model.
    """
    records = load_records(device, resolve)
    if not any(record.used_for_fit for record in records):
        return Evidence(device, records, None, None)
    parent = load_device(device.parent).model if device.parent else None
    return Evidence(device, records, rows_of(device, records), parent)


def make_model(device: Device, resolve: Resolve) -> Validation | None:
    """Fits and tests the model of `device`, and writes `model.json` and `card.md`.

    They go to the folder that a person may write to (`own_folder`). None for a device whose rows
    are shown, not modelled: it gets a card alone.

    Raises:
        DeviceError: As of `read_evidence`, or the files cannot be written.
    """
    evidence = read_evidence(device, resolve)
    found = None
    if evidence.rows:
        found = _with_figures(validate(device, evidence.rows, evidence.parent))
    folder = own_folder(device)
    texts = {folder / "model.json": found.model.to_json()} if found else {}
    texts[folder / "card.md"] = write_card(read_device(folder), found, evidence.records)
    write_texts(texts)
    return found


def _with_figures(found: Validation) -> Validation:
    """The same; its model's metadata tells how good it is."""
    figures = {
        "unseen": asdict(found.accuracies["this model"]),
        "intervals": asdict(found.intervals),
    }
    rounded = {
        name: {key: round(value, 3) for key, value in values.items()}
        for name, values in figures.items()
    }
    metadata = {**found.model.metadata, **rounded}
    return replace(found, model=replace(found.model, metadata=metadata))
