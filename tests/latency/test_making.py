"""Making a model: both files or none, in a folder of the person, never in the installation's."""

from dataclasses import replace
from pathlib import Path

import pytest

from nas.errors import DeviceError
from nas.graph import Graph
from nas.latency.card import write_card
from nas.latency.devices import Device, load_device, read_device
from nas.latency.making import make_model, read_evidence
from nas.latency.model import LatencyModel
from nas.latency.records import Record, append_records
from tests.latency.boards import GRAPHS, measured, zoo_graph

SMALL = "synaptics-vs680-2021-cpu"  # five rows and a parent: made in a moment
SHOWN = "galaxy-a21s"  # rows, none of them fitted


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder in no checkout, so that nothing shipped is written to."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def own_board(folder: Path, *records: Record, parent: str = "") -> Device:
    """A person's own device, with its rows."""
    board = folder / "latency_models" / "board"
    board.mkdir(parents=True)
    text = (load_device("mali-g71-mp2").folder / "device.toml").read_text(encoding="utf-8")
    text = f'parent = "{parent}"\n' + text.replace('"mali-g71-mp2"', '"board"')
    (board / "device.toml").write_text(text, encoding="utf-8")
    append_records(board / "measurements.csv", records)
    return read_device(board)


def no_name(name: str) -> Graph:
    raise AssertionError(f"nobody asks for {name}")


FITTED = tuple(map(measured, GRAPHS[:5]))
NOT_FITTED = measured(GRAPHS[5], used_for_fit=False, why_not="odd")


def test_evidence_is_all_that_a_model_is_made_of() -> None:
    device = load_device(SMALL)
    found = read_evidence(device, zoo_graph)
    assert found.device == device
    assert len(found.records) == 7
    assert found.rows is not None
    assert len(found.rows) == 5
    assert found.parent == load_device("synaptics-vs680-cpu").model


def test_evidence_of_a_device_that_is_only_shown_has_no_rows() -> None:
    found = read_evidence(load_device(SHOWN), zoo_graph)
    assert len(found.records) == 3
    assert (found.rows, found.parent) == (None, None)


def test_a_model_and_its_card_are_written(elsewhere: Path) -> None:
    device = own_board(elsewhere, *FITTED, NOT_FITTED)
    found = make_model(device, no_name)
    assert found is not None
    assert found.accuracies["this model"].mape < 10
    made = files_of(device.folder)
    assert sorted(made) == ["card.md", "device.toml", "measurements.csv", "model.json"]
    assert LatencyModel.from_json(made["model.json"].decode()) == found.model
    assert made["card.md"].decode() == write_card(device, found, (*FITTED, NOT_FITTED))
    assert load_device("board").model == found.model
    again = make_model(read_device(device.folder), no_name)
    assert again is not None
    assert files_of(device.folder) == made


def test_a_shipped_device_is_made_in_a_copy(elsewhere: Path) -> None:
    shipped = load_device(SMALL)
    before = files_of(shipped.folder)
    found = make_model(shipped, zoo_graph)
    copy = elsewhere / "latency_models" / SMALL
    assert files_of(shipped.folder) == before
    assert load_device(SMALL).folder == copy
    assert found is not None
    assert load_device(SMALL).model == found.model
    assert load_device(SMALL).model.form == shipped.model.form
    records = read_evidence(shipped, zoo_graph).records
    card = (copy / "card.md").read_text(encoding="utf-8")
    assert card == write_card(load_device(SMALL), found, records)
    assert sorted(files_of(copy)) == sorted(before)


def test_a_device_that_is_only_shown_gets_a_card_alone(elsewhere: Path) -> None:
    shipped = load_device(SHOWN)
    assert make_model(shipped, zoo_graph) is None
    made = files_of(elsewhere / "latency_models" / SHOWN)
    assert sorted(made) == ["card.md", "device.toml", "measurements.csv"]
    assert made == files_of(shipped.folder)


def test_rows_that_are_not_fitted_make_a_card_alone(elsewhere: Path) -> None:
    device = own_board(elsewhere, NOT_FITTED)
    assert make_model(device, no_name) is None
    assert sorted(files_of(device.folder)) == ["card.md", "device.toml", "measurements.csv"]
    assert not load_device("board").has_model


@pytest.mark.parametrize(
    ("method", "fails"),
    [("write_text", "model.json"), ("write_text", "card.md"), ("replace", "model.json")],
)
def test_where_a_file_cannot_be_written_nothing_changes(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, method: str, fails: str
) -> None:
    device = own_board(elsewhere, *FITTED, parent="synaptics-vs680-cpu")  # made in a moment
    for name in ("model.json", "card.md"):
        (device.folder / name).write_text("mine", encoding="utf-8")
    before = files_of(device.folder)
    works = getattr(Path, method)

    def full(self: Path, *args: object, **options: object) -> object:
        if fails not in self.name:
            return works(self, *args, **options)
        if method == "write_text":
            works(self, "the beginn")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, method, full)
    with pytest.raises(DeviceError) as caught:
        make_model(device, no_name)
    assert str(caught.value) == (
        f"cannot write {device.folder / fails}: No space left on device (nothing was changed)"
    )
    assert files_of(device.folder) == before


def test_a_folder_that_stands_in_the_way_is_named(elsewhere: Path) -> None:
    device = own_board(elsewhere, NOT_FITTED)
    (device.folder / "card.md").mkdir()
    with pytest.raises(DeviceError) as caught:
        make_model(device, no_name)
    assert str(caught.value) == (
        f"cannot write {device.folder / 'card.md'}: Is a directory (nothing was changed)"
    )
    assert len(list(device.folder.iterdir())) == 3  # no part of a card


@pytest.mark.parametrize(
    ("records", "parent", "message"),
    [
        (FITTED[:4], "", "board has rows of 4 distinct graphs, and a fit needs 5 "),
        (FITTED, SHOWN, "galaxy-a21s has no model (run `nas latency validate galaxy-a21s`)"),
        (FITTED, "toaster", "there is no device 'toaster' "),
        ((replace(FITTED[0], device="oven"),), "", "{}, line 2: a row of another device, 'oven'"),
    ],
)
def test_what_cannot_be_fitted_is_said_and_nothing_is_written(
    elsewhere: Path, records: tuple[Record, ...], parent: str, message: str
) -> None:
    device = own_board(elsewhere, *records, parent=parent)
    before = files_of(device.folder)
    with pytest.raises(DeviceError) as caught:
        make_model(device, no_name)
    assert str(caught.value).startswith(message.format(device.measurements))
    assert files_of(device.folder) == before
