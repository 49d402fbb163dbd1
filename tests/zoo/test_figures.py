"""Figures: rounding in print, and rows of tables."""

import pytest

from nas.zoo.figures import printed_parameters, report_2022, xcat_table

PRINTED = [  # text, count, whether one is the other
    ("22K", 21_947, True),
    ("16K", 16_519, True),  # cut off, not rounded
    ("16K", 17_000, False),
    ("42.54K", 42_539, True),
    ("42.54K", 42_550, False),
    ("42.5K", 42_539, True),
    ("43M", 43_680_003, True),
    ("43M", 44_000_000, False),
    ("52,279", 52_279, True),
    ("52,279", 52_280, False),
]


@pytest.mark.parametrize(("text", "count", "agrees"), PRINTED)
def test_count_agrees_with_print_up_to_its_last_digit(text: str, count: int, agrees: bool) -> None:
    assert printed_parameters(text, "a paper").agrees(count) is agrees


def test_printed_count_has_its_value() -> None:
    assert printed_parameters("42.54K", "a paper").value == 42_540
    assert printed_parameters("668K", "a paper").value == 668_000


def test_row_of_a_table_leaves_out_what_is_not_printed() -> None:
    figures = xcat_table(4, None, None, 370, 210)
    assert [(figure.name, figure.value) for figure in figures] == [
        ("mali_ms", 370),
        ("score_xcat", 210),
    ]
    assert figures[0].source.endswith("Table 4")


def test_row_needs_every_column() -> None:
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        report_2022(67, 30.03)
