from pathlib import Path

import pytest

from nas.report.figures import pareto_figure, progress_figure
from nas.report.files import read_run
from nas.search.front import front


def trace(figure, name):
    return next(found for found in figure.data if found.name == name)


def dominated(row, others) -> bool:
    return any(
        o["psnr_int8_db"] >= row["psnr_int8_db"]
        and o["latency_ms"] <= row["latency_ms"]
        and (o["psnr_int8_db"], o["latency_ms"]) != (row["psnr_int8_db"], row["latency_ms"])
        for o in others
    )


def test_front_in_the_figure_is_the_set_that_nothing_beats(make_run):
    run = read_run(make_run(num_trials=60))
    rows = run.finished[run.finished["steps"] == 400].to_dict("records")  # the last rung
    expected = {(r["latency_ms"], r["psnr_int8_db"]) for r in rows if not dominated(r, rows)}
    line = trace(pareto_figure(run.trials, run.finalists), "front of the search")
    assert len(expected) > 2
    assert set(zip(line.x, line.y, strict=True)) == expected
    assert list(line.x) == sorted(line.x)


def test_finalists_carry_their_interval_and_the_best_a_star(make_run):
    run = read_run(make_run())
    figure = pareto_figure(run.trials, run.finalists)
    star = trace(figure, "best, converted and run")
    best = max(run.finalists, key=lambda f: f["score"])
    assert list(star.x) == [best["latency_ms"]]
    assert star.marker.symbol == "star"
    assert star.x[0] + star.error_x.array[0] == pytest.approx(best["latency_high_ms"])
    assert star.x[0] - star.error_x.arrayminus[0] == pytest.approx(best["latency_low_ms"])
    others = trace(figure, "finalist, converted and run")
    assert len(others.x) == len(run.finalists) - 1


def test_members_of_the_front_carry_their_interval(make_run):
    run = read_run(make_run())
    line = trace(pareto_figure(run.trials, []), "front of the search")
    by_ms = run.trials.set_index("latency_ms")
    for ms, over, under in zip(line.x, line.error_x.array, line.error_x.arrayminus, strict=True):
        assert ms + over == pytest.approx(by_ms.loc[ms, "latency_high_ms"])
        assert ms - under == pytest.approx(by_ms.loc[ms, "latency_low_ms"])


def test_hover_tells_novelty_and_measured_time(make_run):
    run = read_run(make_run(timed=True))
    star = trace(pareto_figure(run.trials, run.finalists), "best, converted and run")
    best = run.finalists[0]
    assert f"), novelty 1.7, measured {best['measured_ms']:.2f} ms<br>" in star.hovertext[0]
    figure = pareto_figure(run.trials.drop(columns="latency_novelty"), [])
    assert "novelty" not in trace(figure, "published network").hovertext[0]


def test_unbeaten_published_networks_are_named_and_hover_tells_the_network(make_run):
    run = read_run(make_run())
    dots = trace(pareto_figure(run.trials, []), "published network")
    shown = run.trials[(run.trials["zoo"] != "") & run.trials["psnr_int8_db"].notna()]
    beaten = {
        row.zoo
        for row in shown.itertuples()
        if (
            (shown["latency_ms"] < row.latency_ms) & (shown["psnr_int8_db"] > row.psnr_int8_db)
        ).any()
    }
    assert set(dots.text) - {""} == set(shown["zoo"]) - beaten
    assert all("0 input(3)" in text and "score" in text for text in dots.hovertext)


def test_hover_of_other_trials_is_short(make_run):
    run = read_run(make_run())
    figure = pareto_figure(run.trials, run.finalists)
    members = set(front(run.trials)["number"])
    for dots in figure.data:
        if dots.name and dots.name.startswith("trained"):
            for text in dots.hovertext:
                number = int(text.split("<b>trial ")[1].split("<")[0].split(" ")[0])
                assert ("0 input(3)" in text) == (number in members)


def test_marks_of_another_meaning_have_another_shape(make_run):
    run = read_run(make_run())
    figure = pareto_figure(run.trials, run.finalists)
    marks = [t.marker.symbol for t in figure.data if t.mode and t.mode.startswith("markers")]
    assert len(marks) == len(set(marks)) == 6


def test_every_trial_with_a_measurement_is_a_dot(make_run):
    run = read_run(make_run())
    figure = pareto_figure(run.trials, [])
    dots = sum(len(t.x) for t in figure.data if t.name and t.name.startswith(("trained", "publ")))
    assert dots == run.trials["psnr_int8_db"].notna().sum()


def test_score_is_constant_along_its_line(make_run):
    run = read_run(make_run())
    figure = pareto_figure(run.trials, run.finalists)
    line = next(t for t in figure.data if t.text and t.text[0].startswith("score"))
    best = max(run.finalists, key=lambda f: f["score"])
    scores = [4**y / (10 * 2.0**48 * x) for x, y in zip(line.x, line.y, strict=True)]
    assert scores == pytest.approx([best["score"]] * 2)


def test_progress_only_climbs(make_run):
    run = read_run(make_run())
    line = trace(progress_figure(run.finished, x="number", title="trial"), "best so far")
    full = run.finished[run.finished["steps"] == 400]
    assert list(line.y) == sorted(line.y)
    assert line.y[-1] == full["score"].max()
    assert len(line.x) == len(full) < len(run.finished)


def test_figures_need_no_published_network_and_no_finalist(make_run):
    run: Path = make_run(finished=False)
    trials = read_run(run).trials.assign(zoo="")
    assert len(pareto_figure(trials, []).data) > 0
    assert len(progress_figure(trials, x="number", title="trial").data) == 3
