"""`parity.json`: it is read as it was written, and nothing else is believed."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.export.layout import PARITY
from nas.export.record import FileFacts, FormRecord, Record, parse_record, record_text

RECORD = Record(
    network="0123456789abcdef",
    scale=3,
    input_size=(360, 640),
    target="mobile-npu",
    ops={"CONV_2D": 2},
    types={"int8": 7},
    forms={"torch": FormRecord("", "float", "torch 2", (30.5,) * 6, 0.0)},
    files={"check/coffee.png": FileFacts("ab" * 32, 12)},
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@pytest.mark.parametrize("size", [(360, 640), None])
def test_record_round_trips(size: tuple[int, int] | None) -> None:
    record = replace(RECORD, input_size=size)
    assert parse_record(record_text(record)) == record


def test_record_of_a_package_round_trips(whole: Path) -> None:
    text = (whole / PARITY).read_text()
    assert record_text(parse_record(text)) == text


def test_record_states_its_bounds() -> None:
    found = json.loads(record_text(RECORD))
    assert found["bounds"] == {
        "float_difference": 1e-4, "int8_psnr_db": 0.05, "rerun_psnr_db": 0.01
    }  # fmt: skip
    assert found["input_and_output"] == {"dtype": "uint8", "scale": "1/255", "zero_point": 0}


@given(key=st.sampled_from(sorted(json.loads(record_text(RECORD)))), value=JSON)
def test_any_value_is_refused_or_means_itself(key: str, value: Any) -> None:
    text = json.dumps(json.loads(record_text(RECORD)) | {key: value})
    said = ""
    try:
        found = parse_record(text)
    except ValueError as error:
        said = str(error)
    else:
        assert parse_record(record_text(found)) == found
    assert len(said) < 250
    assert said.isprintable()


@given(value=JSON)
def test_any_json_is_refused_or_a_record(value: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_record(json.dumps(value))
