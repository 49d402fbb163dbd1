"""A page about several runs."""

import json
import re

import pandas as pd
import pytest
from typer import Typer
from typer.testing import CliRunner

from nas.cli.report import report
from nas.errors import UsageError
from nas.report.comparable import differences, obstacles
from nas.report.compare import beaten_share, write_comparison
from nas.report.files import read_run
from tests.report.conftest import write_run


@pytest.fixture
def runs(make_run, tmp_path):
    return make_run(), write_run(tmp_path / "b", num_trials=30)


def change(run, **values):
    config = json.loads((run / "config.json").read_text()) | values
    (run / "config.json").write_text(json.dumps(config))


def text_of(page: str) -> str:
    return re.sub(r"<script.*?</script>|<style.*?</style>", "", page, flags=re.DOTALL)


def table(*points):
    return pd.DataFrame(points, columns=["latency_ms", "psnr_int8_db"])


def test_a_network_is_beaten_by_one_no_slower_and_no_worse():
    ours = table((10, 30), (20, 31), (30, 32), (40, 33))
    assert beaten_share(ours, table((20, 31))) == 0.25
    assert beaten_share(ours, table((9, 30.5), (30, 33))) == 0.75  # 10, 30 and 40 ms
    assert beaten_share(ours, table((10, 29))) == 0
    assert beaten_share(table(), ours) == 0


def test_page_of_two_runs(runs, tmp_path):
    out = tmp_path / "page.html"
    assert write_comparison(runs, out) == out
    page = text_of(out.read_text())
    for run in runs:
        winner = json.loads((run / "best" / "result.json").read_text())
        assert f"Winner of {run.name}" in page
        assert f"#{winner['trial']} {winner['digest'][:8]}" in page
    assert page.count('class="plot"') == 1
    assert page.count("<svg") == 2
    assert "do not compare" not in page
    assert "beaten by b" in page
    assert "<th scope=row>budget</th><td>24</td><td>30</td>" in page


def test_runs_that_do_not_compare_say_why(runs, tmp_path):
    change(runs[1], data_digest="other", scale=2)
    page = text_of(write_comparison(runs, tmp_path / "page.html").read_text())
    assert "These runs do not compare in all figures." in page
    assert "The scale differs (3, 2): the task is another one." in page
    assert "The digest of the images differs (9a3cacf85511c233, other): PSNR does not" in page
    assert "beaten by b" not in page
    assert "is left out, for the runs do not compare" in page


@pytest.mark.parametrize("key", ["device", "score"])
def test_what_must_agree(runs, key):
    files = [read_run(run) for run in runs]
    assert obstacles(files) == []
    del files[1].config[key]
    (told,) = obstacles(files)
    assert ", unknown)" in told


def test_other_lengths_of_training_do_not_compare(runs):
    files = [read_run(run) for run in runs]
    files[0].trials.loc[files[0].trials["steps"] == 400, "steps"] = 500
    files[1].finalists[0]["steps"] = 9000
    assert obstacles(files) == [
        "The search trained for other numbers of steps (500, 400).",
        "Finalists trained for other numbers of steps (2,000, 9,000).",
    ]
    files[0].finalists.clear()
    assert "Not all runs are finished, so not all winners were converted." in obstacles(files)


def test_only_options_that_differ_are_listed(runs):
    change(runs[1], seed=4)
    rows = differences([read_run(run) for run in runs])
    assert rows == [("budget", "24", "30"), ("seed", "3", "4")]


def test_passwords_are_not_shown(runs, tmp_path):
    change(runs[1], storage="postgresql://me:secret@host/name")
    page = write_comparison(runs, tmp_path / "page.html").read_text()
    assert "secret" not in page
    assert "postgresql://***@host/name" in page


def test_runs_of_one_name_are_told_apart_by_their_paths(make_run, tmp_path):
    runs = make_run(), write_run(tmp_path / "elsewhere" / "run")
    page = text_of(write_comparison(runs, tmp_path / "page.html").read_text())
    assert f"Winner of {runs[0]}" in page
    assert f"Winner of {runs[1]}" in page


def test_one_run_twice_and_too_many_are_one_line(make_run):
    run = make_run()
    with pytest.raises(UsageError, match="a run is named twice"):
        write_comparison([run, run / ".." / run.name])
    with pytest.raises(UsageError, match=r"7 runs are too many \(compare at most 6"):
        write_comparison([run.with_name(str(place)) for place in range(7)])


def test_command_writes_into_the_current_folder(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cli = Typer()
    cli.command()(report)
    answer = CliRunner().invoke(cli, [str(run) for run in runs])
    assert answer.stdout.strip() == "report-compare.html"
    assert (tmp_path / "report-compare.html").is_file()
    answer = CliRunner().invoke(cli, [*map(str, runs), "--out", "here.html"])
    assert answer.stdout.strip() == "here.html"
