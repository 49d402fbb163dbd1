"""`trials.csv` as every reader of a run sees it."""

from pathlib import Path

import pandas as pd
import pytest

from nas.errors import RunError
from nas.search.front import COLUMNS, TEXTS
from nas.search.trials_file import NAME, read_trials

LATER = ["readings", "reused", "lacking_db", "latency_novelty"]


def written(run: Path, *rows: dict[str, object], without: list[str] | None = None) -> Path:
    table = pd.DataFrame(rows, columns=list(COLUMNS)).drop(columns=without or [])
    table.to_csv(run / NAME, index=False)
    return run


def test_text_stays_text_and_all_else_is_a_number(tmp_path: Path) -> None:
    row = {"number": 3, "state": "COMPLETE", "digest": "0000000000000012", "zoo": "NA"}
    table = read_trials(written(tmp_path, {**row, "psnr_int8_db": 32.5, "score": "lots"}))
    assert list(table.columns) == list(COLUMNS)
    (found,) = table.to_dict("records")
    assert (found["number"], found["digest"], found["zoo"]) == (3, "0000000000000012", "NA")
    assert found["psnr_int8_db"] == 32.5
    assert pd.isna(found["score"])
    assert found["lacking_db"] == 0
    assert {found[name] for name in TEXTS if name not in row} == {""}


def test_what_an_older_run_did_not_write_is_empty(tmp_path: Path) -> None:
    table = read_trials(written(tmp_path, {"number": 0}, without=LATER))
    (found,) = table.to_dict("records")
    assert [found["readings"], found["reused"], found["lacking_db"]] == ["", "", 0]
    assert pd.isna(found["latency_novelty"])


def test_a_run_without_a_table_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught:
        read_trials(tmp_path)
    assert str(caught.value) == (
        f"run {tmp_path} has no trials.csv yet (wait for it, or nas search --run {tmp_path} "
        "--resume)"
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is no table"),
        (b"\xff\xfe\x00", "is no table"),
        (b"number,state\n1,COMPLETE\n", "lacks digest, zoo, psnr_int8_db"),
        (",".join(COLUMNS).encode() + b"\n../..\n", "has trials without a number"),
    ],
)
def test_another_file_of_that_name_is_one_line(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(RunError, match=told):
        read_trials(tmp_path)
