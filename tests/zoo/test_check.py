"""The comparison with reference counts."""

from dataclasses import replace

import pytest

from nas.zoo import ENTRIES
from nas.zoo import check as checking
from nas.zoo.check import Reference, Row, check_networks

RIGHT = Row("a", 100, 100, 2000, 2000)


def test_no_network_differs_from_its_reference() -> None:
    rows = check_networks()
    assert [row.name for row in rows] == list(ENTRIES)
    assert [row.name for row in rows if row.mismatches] == []


def test_only_one_printed_count_is_not_believed() -> None:
    assert [row.name for row in check_networks() if row.printed_ok is False] == ["IMDN-x3"]


@pytest.mark.parametrize(
    ("row", "mismatches"),
    [
        (RIGHT, ()),
        (replace(RIGHT, parameters=101), ("parameters",)),
        (replace(RIGHT, macs=1), ("MACs",)),
        (replace(RIGHT, printed="1K", printed_ok=False), ("printed parameters",)),
        (replace(RIGHT, printed="1K", printed_ok=False, doubt="a slip"), ()),
    ],
)
def test_mismatches_are_named(row: Row, mismatches: tuple[str, ...]) -> None:
    assert row.mismatches == mismatches


def test_wrong_reference_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {name: Reference(1, 1) for name in ENTRIES}
    monkeypatch.setattr(checking, "reference_counts", lambda: wrong)
    (row,) = check_networks(["xcat"])
    assert row.mismatches == ("parameters", "MACs")


@pytest.mark.parametrize(
    ("made_kib", "published_kib", "ok"),
    [(33.0, 30.0, True), (33.1, 30.0, False), (104.9, 100.0, True), (94.9, 100.0, False)],
)
def test_file_may_be_5_percent_or_3_kib_away(
    made_kib: float, published_kib: float, ok: bool
) -> None:
    row = replace(RIGHT, tflite_kib=made_kib, published_kib=published_kib)
    assert row.size_ok is ok


def test_size_is_not_judged_without_both() -> None:
    assert replace(RIGHT, published_kib=30.0).size_ok is None
    assert replace(RIGHT, tflite_kib=30.0).size_ok is None


def test_files_are_made_of_networks_with_a_size_or_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = pytest.importorskip("nas.zoo.sizes")
    monkeypatch.setattr(sizes, "tflite_size_kib", lambda graph: 30.0)
    made = {row.name for row in check_networks(tflite=True) if row.tflite_kib is not None}
    assert "XCAT" in made
    assert "XCAT-B" not in made  # without a published size
    named = check_networks(["XCAT-B", "VDSR-RGBx3"], tflite=True)
    assert [row.tflite_kib for row in named] == [30.0, None]  # bicubic cannot be INT8
