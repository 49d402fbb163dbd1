import json
import re
import subprocess
import sys
from html import escape
from html.parser import HTMLParser

import pandas as pd
import pytest
from typer import Typer
from typer.testing import CliRunner

from nas.cli.report import report
from nas.errors import RunError
from nas.latency.devices import load_device
from nas.report.page import write_report
from nas.report.parts import facts, number, soft, time_split

FIGURES = ("front", "breakdown", "float and INT8", "sensitivity", "by trial", "by minute")


class Links(HTMLParser):
    """Collects everything a browser would fetch."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ("src", "href", "data")]


def text_of(page: str) -> str:
    """The page without scripts, drawings' and styles' inner workings."""
    return re.sub(r"<script.*?</script>|<style.*?</style>", "", page, flags=re.DOTALL)


def test_page_tells_the_converted_result(make_run):
    run = make_run()
    best = json.loads((run / "best" / "result.json").read_text())
    page = text_of(write_report(run).read_text())
    assert f"{best['psnr_litert_int8_db']:.2f} dB" in page
    assert f"{best['latency_ms']:.2f} ms" in page
    assert f"predicted, {best['latency_low_ms']:.2f} to {best['latency_high_ms']:.2f} ms" in page
    assert f"{best['score_ratio']:.2f}x" in page
    assert page.count("<svg") == 1
    assert page.count('class="plot"') == len(FIGURES)
    assert page.count("<img") == 4 * 4
    assert "Nothing was measured here" in page
    assert "<h2>Measured by" not in page
    assert "by 0.010 dB at most" in page
    assert "not finished" not in page


def test_page_tells_what_cost_no_time(make_run):
    run = make_run()
    assert "trained before" not in write_report(run).read_text()
    trials = pd.read_csv(run / "trials.csv")
    trials.assign(cached_rungs=[0, 3, 1] + [0] * (len(trials) - 3)).to_csv(run / "trials.csv")
    assert "2 trials were trained before" in write_report(run).read_text()


def test_page_tells_what_an_earlier_run_trained(make_run):
    run = make_run()
    trials = pd.read_csv(run / "trials.csv").assign(reused="")
    first = trials.index[trials["state"] == "COMPLETE"][:2]
    trials.loc[first, ["reused", "cached_rungs"]] = ["r", 3]
    trials.to_csv(run / "trials.csv")
    page = write_report(run).read_text()
    own = (trials["state"] == "COMPLETE").sum() - 2
    assert re.search(rf"{own} distinct networks trained.*; 2 that an earlier run trained", page)
    assert "for no time" not in page, "the cache gave nothing"


def test_page_fetches_nothing(make_run):
    page = write_report(make_run()).read_text()
    links = Links()
    links.feed(page)
    assert {link.partition(":")[0] for link in links.found if link[0] != "#"} == {"data"}
    assert "@import" not in page.split("</style>")[0]


def test_unfinished_run_has_a_page_that_says_so(make_run):
    page = text_of(write_report(make_run(finished=False)).read_text())
    assert "The search is not finished." in page
    assert re.search(r"\d+ distinct networks trained, \d+ of them stopped early; \d+ refused", page)
    assert "INT8 simulation" in page


def test_page_tells_what_the_latency_model_learned_from(make_run):
    run = make_run()
    device = load_device("synaptics-vs680")
    page = write_report(run).read_text()
    told = f"fitted to {device.model.metadata['distinct_graphs']} measured networks on"
    assert f"{told} synaptics-vs680 (Mobile AI" in page
    plain = re.sub("</?code>", "`", page)
    assert all(escape(limit) in plain for limit in device.limits)
    config = json.loads((run / "config.json").read_text()) | {"device": "unheard-of"}
    (run / "config.json").write_text(json.dumps(config))
    page = text_of(write_report(run).read_text())
    assert "unheard-of, which is not installed here" in page
    assert "there is no device &#x27;unheard-of&#x27;" in page
    assert "What the device" not in page
    assert page.count('class="plot"') == len(FIGURES) - 1


def test_password_of_a_storage_is_not_shown(make_run):
    run = make_run()
    config = json.loads((run / "config.json").read_text())
    config["storage"] = "postgresql://me:secret@host/name"
    (run / "config.json").write_text(json.dumps(config))
    page = write_report(run).read_text()
    assert "secret" not in page
    assert "postgresql://***@host/name" in page


def test_markup_in_a_run_stays_text(make_run):
    run = make_run()
    config = json.loads((run / "config.json").read_text()) | {"data": "<img src=x>"}
    (run / "config.json").write_text(json.dumps(config))
    page = text_of(write_report(run).read_text())
    assert "<img src=x>" not in page
    assert "&lt;img src=x&gt;" in page


def test_a_run_from_before_novelty_has_a_page(make_run):
    run = make_run(finished=False)
    table = pd.read_csv(run / "trials.csv").drop(columns="latency_novelty")
    table.to_csv(run / "trials.csv", index=False)
    page = text_of(write_report(run).read_text())
    assert "Measure these networks" in page
    assert "novelty 1.7" not in page


def test_a_run_from_before_pictures_says_what_it_lacks(make_run):
    page = text_of(write_report(make_run(pictures=False)).read_text())
    assert "This run holds no pictures of its finalists" in page
    assert "This run does not hold it; <code>nas quantize --sensitivity</code>" in page
    assert "<img" not in page


def test_page_of_200_trials_is_small(make_run):
    assert write_report(make_run(num_trials=200)).stat().st_size < 8_000_000


def test_report_needs_neither_torch_nor_tensorflow(make_run):
    code = (
        "import pathlib, sys; from nas.report.page import write_report; "
        "import nas.report.compare; write_report(pathlib.Path(sys.argv[1])); "
        "print(sorted({'torch', 'tensorflow', 'keras'} & set(sys.modules)))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, str(make_run())], capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "[]"


def test_unfinished_run_claims_no_finalists(make_run):
    page = text_of(write_report(make_run(finished=False)).read_text())
    assert "The front so far, fastest first" in page
    assert "quantised in simulation and timed alike" in page
    assert page.count("No network was converted yet") == 3
    assert "nas search --run" in page


def test_other_place_of_the_page(make_run, tmp_path):
    run, out = make_run(), tmp_path / "other.html"
    assert write_report(run, out) == out
    assert not (run / "report.html").exists()
    with pytest.raises(RunError, match=r"cannot be written: No such file.*--out another"):
        write_report(run, tmp_path / "nowhere" / "page.html")


BROKEN = [  # what, how, what is said
    ("trials.csv", None, "has no trials.csv yet"),
    ("trials.csv", "number,state\n1,COMPLETE\n", "lacks digest, zoo, psnr_int8_db"),
    ("trials.csv", "", "is no table"),
    ("config.json", None, "has no config.json"),
    ("config.json", "{", "config.json is no configuration of a run"),
    ("finalists.json", "{}", "finalists.json holds no list"),
]


@pytest.mark.parametrize(("name", "content", "said"), BROKEN)
def test_half_a_run_is_one_line(make_run, name, content, said):
    run = make_run()
    if content is None:
        (run / name).unlink()
    else:
        (run / name).write_text(content)
    with pytest.raises(RunError, match=re.escape(said)) as caught:
        write_report(run)
    assert "\n" not in str(caught.value)
    assert not (run / "report.html").exists()


def test_run_without_a_finished_trial_is_one_line(make_run):
    run = make_run()
    table = (run / "trials.csv").read_text().replace("COMPLETE", "FAIL")
    (run / "trials.csv").write_text(table)
    with pytest.raises(RunError, match="has no finished trial yet"):
        write_report(run)


def test_command_prints_the_path_of_the_page(make_run):
    run = make_run()
    app = Typer()
    app.command()(report)
    answer = CliRunner().invoke(app, [str(run)])
    assert answer.stdout.strip() == str(run / "report.html")
    assert (run / "report.html").stat().st_size > 1_000_000  # plotly.js is inside


def test_command_refuses_a_run_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    app = Typer()
    app.command()(report)
    answer = CliRunner().invoke(app, ["nothing"])
    assert isinstance(answer.exception, RunError)
    assert "there is no run" in str(answer.exception)


def test_parts_of_the_page():
    assert number(None) == number(float("nan")) == "\N{EN DASH}"
    assert number(3.14159, 1, " ms") == "3.1 ms"
    assert number(28371, 0) == "28,371"
    assert "a.b</th><td>1, 2" in facts("what", {"a": {"b": [1, 2]}})
    assert soft("do `nas <x>`") == '<p class="soft">do <code>nas &lt;x&gt;</code></p>'
    assert "training 1.0 min, 75 %" in time_split({"training": 60, "quantising": 20})
