"""Programs end in time, with their children."""

import sys
import time
from pathlib import Path

import pytest

from nas.errors import DeviceError
from nas.latency.backends.process import last_words, run_program

SAYS = [  # Python, last words
    ("print('a'); print('b')", "b"),
    ("import sys; print('a'); print('c\\n\\n', file=sys.stderr)", "c"),
    ("raise SystemExit(3)", "exit code 3"),
    ("print('x' * 1000)", "x" * 300),
]


@pytest.mark.parametrize(("code", "words"), SAYS)
def test_the_last_line_is_told(code: str, words: str) -> None:
    assert last_words(run_program([sys.executable, "-c", code], timeout_s=60)) == words


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(DeviceError) as caught:
        run_program(["/nowhere/tool"], timeout_s=1)
    assert str(caught.value) == "/nowhere/tool does not start: No such file or directory"


def test_a_program_is_stopped_with_its_children(tmp_path: Path) -> None:
    script = tmp_path / "slow"
    script.write_text(f"#!/bin/sh\n(sleep 1; touch {tmp_path}/late) &\nwait\n")
    script.chmod(0o755)
    with pytest.raises(DeviceError) as caught:
        run_program([str(script)], timeout_s=0.3)
    assert str(caught.value) == f"{script} was stopped after 0.3 s"
    time.sleep(1.2)
    assert not (tmp_path / "late").exists()
