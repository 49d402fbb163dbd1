"""Configurations: what is refused, what is stored, what a resumed run may change."""

import json
from pathlib import Path

import pytest

from nas.errors import RunError, UsageError
from nas.search.config import SearchConfig, read_config

BAD = [
    ({"budget": 0}, "budget 0 is under 1"),
    ({"workers": 0}, "0 workers are too few"),
    ({"seed": -1}, "seed -1 is outside 0 to 4294967295"),
    ({"seed": 2**32}, "seed 4294967296 is outside 0 to 4294967295"),
    ({"max_latency_ms": 0.0}, "latency limit 0 ms is not positive"),
    ({"max_latency_ms": float("nan")}, "latency limit nan ms is not positive"),
    ({"sampler": "best"}, "there is no sampler 'best'"),
    ({"score": "mai"}, "there is no score 'mai'"),
    ({"measure": "fax"}, "there is no back-end 'fax'"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_values_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        SearchConfig(**change).check()  # type: ignore[arg-type]
    assert caught.value.message == message
    assert caught.value.hint


def test_a_configuration_round_trips_without_its_password(tmp_path: Path) -> None:
    config = SearchConfig(budget=7, storage="postgresql://me:secret@host/db")
    text = json.dumps({**config.to_json(), "data_digest": "abc"})
    assert "secret" not in text
    (tmp_path / "config.json").write_text(text)
    stored, facts = read_config(tmp_path)
    assert facts == {"data_digest": "abc"}
    assert stored.merged({"storage": config.storage}, tmp_path) == config
    with pytest.raises(RunError, match="needs a password, which is never stored"):
        stored.merged({}, tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [("budget", "many"), ("seed", 1.5), ("space", ["a"]), ("max_hours", "1"), ("workers", True)],
)
def test_edited_configuration_is_one_line(tmp_path: Path, name: str, value: object) -> None:
    (tmp_path / "config.json").write_text(json.dumps({**SearchConfig().to_json(), name: value}))
    with pytest.raises(RunError, match=rf"is no configuration of a run: .*{name} is ") as caught:
        read_config(tmp_path)
    assert "\n" not in str(caught.value)


def test_workers_may_differ() -> None:
    assert SearchConfig(workers=1).merged({"workers": 4}, Path("r")).workers == 4


def test_a_measurement_may_be_added_but_not_changed() -> None:
    assert SearchConfig().merged({"measure": "vela"}, Path("r")).measure == "vela"
    stored = SearchConfig(measure="vela")
    assert stored.merged({}, Path("r")).measure == "vela"
    with pytest.raises(RunError, match=r"^r was started otherwise: measure is vela, asked for adb"):
        stored.merged({"measure": "adb"}, Path("r"))


def test_a_run_from_before_measuring_is_read(tmp_path: Path) -> None:
    old = {name: value for name, value in SearchConfig().to_json().items() if name != "measure"}
    (tmp_path / "config.json").write_text(json.dumps(old))
    assert read_config(tmp_path) == (SearchConfig(), {})


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(RunError, match=r"config\.json is no configuration of a run"):
        read_config(tmp_path)
    with pytest.raises(RunError, match="there is no run in"):
        read_config(tmp_path / "none")
