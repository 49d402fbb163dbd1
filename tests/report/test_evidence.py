"""What a report says of the evidence for its times."""

import json
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest

from nas.latency.devices import load_device
from nas.report import evidence
from nas.report.files import read_run
from nas.report.page import write_report

FIGURES = {
    "unseen": {"mape": 5.44, "within_10": 86.4, "spearman": 0.968},
    "intervals": {"coverage": 77.3},
}


@pytest.fixture
def told_with(make_run, monkeypatch):
    """The record of a run whose device has a model with this metadata."""

    def told(metadata):
        device = load_device("synaptics-vs680")
        model = SimpleNamespace(metadata=metadata)
        other = SimpleNamespace(
            name="board", conditions="a test", model=model, limits=device.limits
        )
        monkeypatch.setattr(evidence, "load_device", lambda name: other)
        return evidence.record(read_run(make_run()))

    return told


def test_the_record_is_that_of_the_card(told_with):
    assert told_with({"distinct_graphs": 22, **FIGURES}) == (
        "fitted to 22 measured networks on board (a test); networks that were left out of the fit "
        "are missed by 5.4 % in the mean, 86 % of them by less than 10 %, and put in order with a "
        "Spearman correlation of 0.97; the 80 % intervals hold 77 % of them"
    )


def test_a_model_without_figures_is_no_error(told_with):
    assert told_with({"distinct_graphs": 3}) == "fitted to 3 measured networks on board (a test)"


def test_measured_times_have_a_table_of_their_own(make_run):
    run = make_run(timed=True)
    files = read_run(run)
    title, table = evidence.measured(files)
    assert title == "Measured by host-cpu"
    assert table.count("<tr") == 1 + len(files.finalists)
    best = files.finalists[0]
    assert f"<th scope=row>#{best['number']} {best['zoo'] or best['digest'][:8]}</th>" in table
    cells = re.findall(r"<td>(.*?)</td>", table)
    assert cells[:7] == [
        f"{best['measured_ms']:.2f}",
        "1.3 %",
        f"{best['latency_ms']:.2f} ({best['latency_low_ms']:.2f} to {best['latency_high_ms']:.2f})",
        "no",
        f"{1.1 * best['latency_ms']:.2f}",
        f"{best['score'] / 1.2:.4g}",
        f"{best['score_ratio']:.3f}",
    ]
    conditions = "Bench 1; INT8; NHWC; median of 3 runs; threads: 2; input 640x360"
    assert table.count(f"{conditions}; the board was warm") == 1
    page = write_report(run).read_text()
    assert table in page
    assert f"<b>{best['measured_ms']:.2f} ms</b> <span>measured by host-cpu</span>" in page
    assert (
        f"<b>{best['score_measured']:.4g}</b> <span>score, time measured by host-cpu</span>" in page
    )
    assert "Those measured by host-cpu stand apart." in page
    assert '<h2 id="measured-by-host-cpu-title">Measured by host-cpu</h2>' in page


def test_what_is_worth_measuring_is_listed(make_run):
    run = make_run()
    config = json.loads((run / "config.json").read_text()) | {"device": "ethos-u65"}
    (run / "config.json").write_text(json.dumps(config))
    files = read_run(run)
    wide = files.trials["latency_low_ms"] / 5
    files = replace(files, trials=files.trials.assign(latency_low_ms=wide))
    table = evidence.worth(files)
    leader = files.trials.loc[files.trials["score"].where(files.trials["steps"] == 400).idxmax()]
    assert f"<th scope=row>#{leader['number']} " in table
    assert "it leads with a score of" in table
    if load_device("ethos-u65").has_model:
        assert "nas latency measure --device ethos-u65 --network" in table


@pytest.mark.parametrize("timed", [True, False])
def test_a_sure_order_is_said(make_run, timed):
    files = read_run(make_run(timed=timed))
    ms = files.trials["latency_ms"]
    sure = files.trials.assign(latency_low_ms=0.999 * ms, latency_high_ms=1.001 * ms)
    assert "None: within the 80 % intervals" in evidence.worth(replace(files, trials=sure))
