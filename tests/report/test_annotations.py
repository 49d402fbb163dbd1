import base64
import hashlib
import io
import json
import re
import shutil
import sys
import time
from xml.etree import ElementTree

import optuna
import pytest
from optuna.storages import get_storage

from nas.graph import parse_text
from nas.report.annotations import UPLOADS, annotated_app
from nas.report.files import read_config
from nas.search.study import fail
from tests.report.searched import HOSTILE, NUM_MEASURED, searched

__all__ = ["searched"]

FILES = {"network.svg", "crops.png", "curve.svg", "network.txt"}
SLOW, HOSTILE_ONE, BROKEN, RUNNING = 4, 15, 16, 17  # trials of `searched`


class Client:
    """Asks the dashboard of a run."""

    def __init__(self, run, study_id=1):
        self.run = run
        self.storage = get_storage(f"sqlite:///{run / 'study.db'}")
        self.app = annotated_app(self.storage, study_id, run, read_config(run))

    def ask(self, path, method="GET", sent=None):
        """Status, headers and content."""
        body = b"" if sent is None else json.dumps(sent).encode()
        path, _, query = path.partition("?")
        said = []
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "SERVER_NAME": "here",
            "SERVER_PORT": "80",
            "HTTP_ACCEPT_ENCODING": "",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.url_scheme": "http",
            "wsgi.version": (1, 0),
        }
        answer = self.app(environ, lambda *start: said.append(start))
        content = b"".join(answer)
        if hasattr(answer, "close"):
            answer.close()
        return int(said[0][0][:3]), dict(said[0][1]), content

    def study(self, study_id=1, after=0):
        return json.loads(self.ask(f"/api/studies/{study_id}?after={after}")[2])

    def trial(self, number):
        return self.study()["trials"][number]

    def files(self, number):
        """Address by name."""
        trial = self.trial(number)
        place = f"/artifacts/1/{trial['trial_id']}"
        return {a["filename"]: f"{place}/{a['artifact_id']}" for a in trial["artifacts"]}


@pytest.fixture(scope="module")
def client(searched):
    return Client(searched)


@pytest.fixture
def own(searched, tmp_path):
    """A dashboard on a copy that a test may write to."""
    shutil.copytree(searched, tmp_path / "run")
    return Client(tmp_path / "run")


def test_every_trial_has_a_note_and_the_files_of_its_state(client):
    trials = client.study()["trials"]
    assert [trial["state"] for trial in trials].count("Complete") == NUM_MEASURED
    assert all(trial["note"]["body"] for trial in trials)
    names = [{a["filename"] for a in trial["artifacts"]} for trial in trials]
    assert names[0] == FILES
    assert names[SLOW] == names[RUNNING] == names[BROKEN] == {"network.svg", "network.txt"}
    assert names[HOSTILE_ONE] == set(), "its network is not known"


def test_note_tells_reasons_and_results(client):
    trials = client.study()["trials"]
    assert re.match(
        r"\*\*Infeasible, refused before training:\*\* [\d.]+ ms is over the limit of 40 ms",
        trials[SLOW]["note"]["body"],
    )
    assert trials[SLOW]["constraints"][1] > 0
    assert trials[BROKEN]["note"]["body"].startswith("**Failed:** the loss is not a number")
    assert "**Best of the run:** trained anew for 3,000 steps" in trials[1]["note"]["body"]
    assert "| published as | XCAT |" in trials[0]["note"]["body"]
    assert "first\\_channels **21**" in trials[0]["note"]["body"]
    assert "Stopped early, after 300 of 1,000 steps." in trials[9]["note"]["body"]


def test_front_has_the_same_notes_as_the_list(client):
    answer = client.study()
    notes = {trial["number"]: trial["note"] for trial in answer["trials"]}
    assert len(answer["best_trials"]) > 1
    assert all(trial["note"] == notes[trial["number"]] for trial in answer["best_trials"])


def test_trials_that_finished_before_are_not_told_again(client):
    answer = client.study(after=16)
    assert [trial["number"] for trial in answer["trials"]] == [16, 17]
    assert answer["trials"][1]["note"]["body"].startswith("In training.")


def test_run_has_a_note(client):
    assert "| device | synaptics-vs680 |" in client.study()["note"]["body"]
    assert "| best network | trial 1, XCAT-B, 30.50 dB by LiteRT" in client.study()["note"]["body"]


def test_files_are_what_they_say(client):
    files = client.files(0)
    status, headers, drawing = client.ask(files["network.svg"])
    assert (status, headers["Content-Type"]) == (200, "image/svg+xml")
    picture = ElementTree.fromstring(drawing)
    nodes = [g for g in picture.iter() if g.get("class") == "node"]
    status, headers, text = client.ask(files["network.txt"])
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert len(nodes) == len(text.decode().splitlines()) == 18
    assert parse_text(text.decode()).digest == client.storage.get_trial(1).user_attrs["digest"]
    assert client.ask(files["crops.png"])[2].startswith(b"\x89PNG")
    assert b"INT8" in client.ask(files["curve.svg"])[2]


def test_files_opened_alone_run_nothing(client):
    for address in client.files(0).values():
        _, headers, content = client.ask(address)
        assert "sandbox" in headers["Content-Security-Policy"]
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert int(headers["Content-Length"]) == len(content)
        assert client.ask(address, "HEAD")[2] == b""


def test_files_of_another_trial_study_or_name_are_not_there(client):
    address = client.files(0)["crops.png"]
    identifier = address.rsplit("/", 1)[1]
    assert client.ask(f"/artifacts/1/{1 + RUNNING}/{identifier}")[0] == 404
    for place in ("2/1", "1/999"):
        assert client.ask(f"/artifacts/{place}/{identifier}")[0] in (404, 500), "as it comes"
    assert client.ask("/artifacts/1/1/00000000-0000-0000-0000-000000000000")[0] == 404


def test_looking_writes_nothing(own):
    before = hashlib.sha256((own.run / "study.db").read_bytes()).hexdigest()
    names = sorted(path.name for path in own.run.rglob("*"))
    for address in own.files(0).values():
        own.ask(address)
    assert hashlib.sha256((own.run / "study.db").read_bytes()).hexdigest() == before
    assert sorted(path.name for path in own.run.rglob("*")) == names


def test_note_that_a_person_saves_wins(own):
    sent = {"version": 1, "body": "mine"}
    assert own.ask("/api/studies/1/1/note", "PUT", sent)[0] == 200
    assert own.ask("/api/studies/1/note", "PUT", {"version": 1, "body": ""})[0] == 200
    answer = own.study()
    assert answer["trials"][0]["note"] == {"version": 1, "body": "mine"}
    assert {a["filename"] for a in answer["trials"][0]["artifacts"]} == FILES
    assert answer["note"]["body"] == "", "also one that was emptied"
    assert own.study()["trials"][1]["note"]["version"] == 0


def test_file_that_a_person_adds_is_kept_in_the_run_and_inert(own):
    page = base64.b64encode(b"<script>alert(1)</script>").decode()
    sent = {"file": f"data:text/html;base64,{page}", "filename": "mine.html"}
    status, _, answer = own.ask(f"/api/artifacts/1/{1 + RUNNING}", "POST", sent)
    assert status == 201
    identifier = json.loads(answer)["artifact_id"]
    assert (own.run / UPLOADS / identifier).read_bytes() == b"<script>alert(1)</script>"
    files = own.files(RUNNING)
    assert set(files) == {"network.svg", "network.txt", "mine.html"}
    _, headers, content = own.ask(files["mine.html"])
    assert content == b"<script>alert(1)</script>"
    assert "sandbox" in headers["Content-Security-Policy"]


def test_drawing_cannot_be_deleted(own):
    address = own.files(0)["network.svg"]
    assert own.ask(f"/api{address}", "DELETE")[0] == 404
    assert own.ask(address)[0] == 200


def test_other_studies_of_the_storage_are_left_alone(own):
    network = own.storage.get_trial(1).user_attrs["network"]
    other = optuna.create_study(storage=own.storage, study_name="other")
    trial = other.ask()
    trial.set_user_attr("network", network)
    other.tell(trial, 1.0)
    answer = own.study(other._study_id)
    assert answer["note"]["body"] == ""
    (told,) = answer["trials"]
    assert (told["note"]["body"], told["artifacts"]) == ("", [])
    identifier = own.files(0)["network.svg"].rsplit("/", 1)[1]  # the number is the same
    for study_id in (1, other._study_id):
        assert own.ask(f"/artifacts/{study_id}/{trial._trial_id}/{identifier}")[0] == 404


def test_trial_that_another_process_finishes_is_told_anew(own):
    assert own.trial(RUNNING)["note"]["body"].startswith("In training.")
    elsewhere = optuna.load_study(study_name="run", storage=f"sqlite:///{own.run / 'study.db'}")
    fail(elsewhere, 1 + RUNNING, "killed")
    time.sleep(2.1)  # the dashboard keeps the trials of a small study for 2 s
    assert own.trial(RUNNING)["note"]["body"].startswith("**Failed:** killed")


def test_deleted_study_is_an_error_of_the_dashboard(own):
    status, headers, body = own.ask("/api/studies/1", "DELETE", {})
    assert (status, body) == (200, b"{}"), "in which the page looks for JSON"
    assert headers["Content-Length"] == "2"
    assert own.ask("/api/studies/1")[0] == 404
    assert own.run.is_dir()


def test_attributes_that_make_no_sense_cost_only_their_trial(own):
    changed = {"score": "high", "readings": "[[1", "network": "0 input(3); 1 explode(<b>)"}
    sent = {"user_attrs": changed}
    assert own.ask(f"/api/trials/{1 + RUNNING}/user-attrs", "POST", sent)[0] == 200
    answer = own.study()
    assert answer["trials"][0]["note"]["body"]
    assert answer["trials"][RUNNING]["note"]["body"] == ""


def test_network_that_does_not_parse_has_no_drawing(own):
    sent = {"user_attrs": {"network": "0 input(3); <script>alert(1)</script>"}}
    own.ask(f"/api/trials/{1 + RUNNING}/user-attrs", "POST", sent)
    files = own.files(RUNNING)
    assert own.ask(files["network.svg"])[0] == 404
    _, headers, text = own.ask(files["network.txt"])
    assert text == b"0 input(3)\n<script>alert(1)</script>\n"
    assert headers["Content-Type"].startswith("text/plain")


def test_long_attributes_are_cut_for_the_page_but_not_in_the_table(client):
    shown = {a["key"]: a["value"] for a in client.trial(0)["user_attrs"]}
    assert shown["network"].endswith("...")
    assert max(map(len, shown.values())) <= 51
    assert client.storage.get_trial(1).user_attrs["network"] in client.ask("/csv/1")[2].decode()


def test_hostile_reason_is_told_whole_and_escaped(client):
    line = client.trial(HOSTILE_ONE)["note"]["body"].splitlines()[0]
    assert re.sub(r"\\(.)", r"\1", line).endswith(HOSTILE)
    assert not re.search(r"(?<!\\)[<\[]", line)


def test_run_of_before_has_notes_and_drawings(make_run):
    run = Client(make_run(num_trials=12, finished=False))
    assert set(run.files(0)) == {"network.svg", "network.txt"}
    assert "| PSNR | " in run.trial(0)["note"]["body"]
    assert run.ask(run.files(0)["network.svg"])[0] == 200


@pytest.mark.parametrize("content", ["{", "[3]", '[{"zoo": ""}]', "null"])
def test_finalists_that_cannot_be_read_are_left_out(own, content):
    (own.run / "finalists.json").write_text(content)
    assert "Finalist" not in own.trial(0)["note"]["body"]


def test_page_has_a_style_for_phones(client):
    status, headers, page = client.ask("/dashboard/studies/1")
    assert status == 200
    assert page.count(b"max-width: 600px") == 1
    assert int(headers["Content-Length"]) == len(page)
