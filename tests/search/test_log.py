"""The log of a run: its events are those of the page, and a kill breaks no later line."""

import json
import re
from collections import Counter
from concurrent.futures import Future
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from nas.errors import RunError
from nas.search.config import SearchConfig
from nas.search.crew import Crew
from nas.search.events import Reading, Silent, Status
from nas.search.log import EVENTS, Log
from nas.search.run import resume, start
from nas.search.session import logged_session
from nas.search.tasks import Advance, Answer, Task

FAKES = f"{__name__.rpartition('.')[0]}.fakes"
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "log.md"


def events(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def facts_of(event: dict[str, Any]) -> tuple[str, ...]:
    return tuple(sorted(set(event) - {"time", "event"}))


def test_page_has_the_events_and_their_facts() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert {event: tuple(re.findall(r"`(\w+)`", facts)) for event, facts in rows} == EVENTS


class Listener(Silent):
    def __init__(self) -> None:
        self.seen: list[Status] = []
        self.readings: list[Reading] = []

    def reading(self, reading: Reading) -> None:
        self.readings.append(reading)

    def status(self, status: Status) -> None:
        self.seen.append(status)


def test_search_logs_and_shows_what_happens(images: str) -> None:
    listener = Listener()
    config = SearchConfig(budget=7, data=images, max_latency_ms=31.0)
    start(config, name="r", watch=listener, bench=f"{FAKES}:FailsAtXcat")
    resume("r", {}, watch=Silent(), bench=f"{FAKES}:AlwaysFails")
    logged = events(Path("runs/r"))
    for event in logged:
        assert facts_of(event) == EVENTS[event["event"]], event
    counts = Counter(event["event"] for event in logged)
    assert counts["session"] == counts["ended"] == counts["finalists"] == 2
    assert counts["finished"] == 7
    assert counts["begun"] == counts["finished"] + counts["failed"]
    assert [e["resumed"] for e in logged if e["event"] == "session"] == [False, True]
    assert [asdict(reading) for reading in listener.readings] == [
        {name: event[name] for name in ("trial", "steps", "psnr_float_db", "psnr_int8_db")}
        for event in logged
        if event["event"] in ("rung", "finished")
    ]
    over = listener.seen[-1]
    assert (over.num_finished, over.best is not None, dict(over.at_steps)) == (7, True, {})
    last = listener.seen[-2]
    assert last.num_finished == 6
    assert last.num_workers == 1
    assert sum(last.at_steps.values()) == 1
    assert sum(last.refused.values()) == counts["refused"]
    assert dict(last.failed) == {"diverged": 1}
    assert last.per_hour > 0
    assert {steps for status in listener.seen for steps in status.at_steps} == {0, 100, 400}


def test_end_of_a_session_says_why(tmp_path: Path) -> None:
    log = Log(tmp_path, "postgresql://me:secret@host/db")
    for error in (KeyboardInterrupt(), RunError("secret is wrong"), ZeroDivisionError("by secret")):
        with pytest.raises(type(error)), logged_session(log, study="r"):
            raise error
    told = [(e["why"], e["reason"]) for e in events(tmp_path) if e["event"] == "ended"]
    assert told == [
        ("interrupted", ""), ("error", "*** is wrong"), ("error", "ZeroDivisionError: by ***"),
    ]  # fmt: skip
    assert "secret" not in (tmp_path / "log.jsonl").read_text()


def test_password_of_the_storage_is_not_logged(images: str, tmp_path: Path) -> None:
    config = SearchConfig(storage="postgresql://me:hunter2@host/db")
    log = Log(tmp_path, config.storage)
    with logged_session(log, config=config.to_json()):
        log.write("failed", reason="cannot reach postgresql://me:hunter2@host/db")
    text = (tmp_path / "log.jsonl").read_text()
    assert "hunter2" not in text
    assert "postgresql://me:***@host/db" in text


def test_line_that_a_kill_cut_off_spoils_no_other(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.write("late", num_finished=1)
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"time": "20')
    Log(tmp_path).write("late", num_finished=2)
    Log(tmp_path).write("late", num_finished=3)
    first, cut, *others = (tmp_path / "log.jsonl").read_text().splitlines()
    assert cut == '{"time": "20'
    assert [json.loads(line)["num_finished"] for line in (first, *others)] == [1, 2, 3]


class Dying:
    """Workers that die a few times, and then answer."""

    num_slots = 1
    deaths: tuple[type[BaseException], ...] = (ConnectionError,)
    gone: tuple[type[BaseException], ...] = ()

    def __init__(self, times: int) -> None:
        self.times = times

    def describe(self) -> str:
        return "nowhere"

    def submit(self, task: Task) -> "Future[Answer]":
        future: Future[Answer] = Future()
        if self.times:
            self.times -= 1
            future.set_exception(ConnectionError("gone"))
        else:
            future.set_result(Answer("well"))
        return future

    def close(self) -> None: ...


def test_task_that_goes_to_another_worker_is_logged(tmp_path: Path) -> None:
    log = Log(tmp_path)
    crew = Crew(Dying(2), on_death=lambda **facts: log.write("retried", **facts))
    crew.submit(Advance(7, "network"))
    assert crew.wait()[1].value == "well"
    assert [(e["trial"], e["retry"], e["reason"]) for e in events(tmp_path)] == [
        (7, 1, "the worker died (ConnectionError)"), (7, 2, "the worker died (ConnectionError)"),
    ]  # fmt: skip
    assert all(facts_of(event) == EVENTS["retried"] for event in events(tmp_path))
