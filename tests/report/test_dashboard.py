import json
import re
import socket
from urllib.request import urlopen

import pytest

from nas.errors import RunError
from nas.report.dashboard import serve
from tests.report.serving import WAIT_S, said_by, serving


@pytest.fixture
def server(make_run):
    """Address of a dashboard in its own process."""
    with serving(make_run(num_trials=20)) as address:
        yield address


def get(url: str) -> dict:
    with urlopen(url, timeout=WAIT_S) as answer:
        return json.load(answer)


def test_dashboard_shows_the_study_with_both_objectives(server):
    found = re.fullmatch(r"(http://127\.0\.0\.1:\d+)/dashboard/studies/(\d+)", server)
    assert found, server
    (summary,) = get(f"{found[1]}/api/studies")["study_summaries"]
    assert summary["study_name"] == "run"
    assert summary["directions"] == ["maximize", "minimize"]
    study = get(f"{found[1]}/api/studies/{found[2]}?after=0")
    assert study["objective_names"] == ["psnr_int8_db", "latency_ms"]
    assert len(study["trials"]) == 20
    assert study["best_trials"], "the front"
    with urlopen(server, timeout=WAIT_S) as page:
        assert page.status == 200


def test_port_in_use_is_one_line(make_run):
    run = make_run(num_trials=10)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(RunError, match=rf"port {port} .*--port") as caught:
            serve(run, port)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("host", ["203.0.113.7", "no.such.host.invalid", "a" * 70])
def test_address_that_is_not_of_this_machine_is_one_line(make_run, host):
    with pytest.raises(RunError, match=rf"port 0 on {host}: .*--host"):
        serve(make_run(num_trials=10), 0, host=host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_others_are_let_in_with_a_warning(make_run, host):
    lines = said_by(make_run(num_trials=10), host)
    shown = {"0.0.0.0": "127.0.0.1", "::": r"\[::1\]"}[host]
    assert re.fullmatch(rf"http://{shown}:\d+/dashboard/studies/1", lines[0])
    assert lines[1].startswith("warning: there is no login")
    assert "change and delete the study" in lines[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_this_machine_alone_needs_no_warning(make_run, host):
    lines = said_by(make_run(num_trials=10), host)
    assert [line for line in lines if "warning" in line] == []
    assert lines[-1] == "Ctrl-C ends it"


def test_run_without_a_study_is_one_line_and_makes_no_file(make_run):
    run = make_run(num_trials=10)
    (run / "study.db").unlink()
    with pytest.raises(RunError, match=r"has no study\.db"):
        serve(run, 0)
    assert not (run / "study.db").exists()


def test_storage_with_a_password_must_be_given(make_run):
    run = make_run(num_trials=10)
    (run / "config.json").write_text('{"storage": "postgresql://me:***@host/name"}')
    with pytest.raises(RunError, match=r"needs a password, which is never stored .*--storage"):
        serve(run, 0)


def test_storage_that_does_not_answer_is_one_line(make_run):
    run = make_run(num_trials=10)
    with pytest.raises(RunError, match="storage nonsense does not answer"):
        serve(run, 0, storage="nonsense")


def test_storage_without_the_study_is_one_line(make_run, tmp_path):
    run = make_run(num_trials=10)
    with pytest.raises(RunError, match="has no study 'run'"):
        serve(run, 0, storage=f"sqlite:///{tmp_path / 'other.db'}")
