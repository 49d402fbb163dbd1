"""Who won, against whom, and how sure that is."""

from dataclasses import replace

import pytest

from nas.report.contest import Contest, contest_of, psnr_of
from nas.report.files import read_run
from nas.report.headline import headline


def row(number: int, score: float, ms: float, zoo: str = "", **more: float) -> dict:
    return {
        "number": number, "digest": f"{number:016x}", "zoo": zoo, "score": score,
        "latency_ms": ms, "latency_low_ms": 0.8 * ms, "latency_high_ms": 1.25 * ms,
        "psnr_litert_int8_db": 30.0, "steps": 3000, **more,
    }  # fmt: skip


def test_ratio_and_its_range_at_the_ends_of_both_intervals():
    contest = Contest(row(1, 6.0, 10), row(2, 4.0, 20, "XLSR"), "score", True)
    assert contest.ratio == 1.5
    # 6 * 0.8 at the slow end over 4 / 0.8 at the fast end of the other, and the reverse
    assert contest.ratio_range == pytest.approx((4.8 / 5.0, 7.5 / 3.2))


def test_measured_times_have_no_range():
    measured = {"score_measured": 5.0}
    contest = Contest(
        row(1, 6, 10, **measured), row(2, 4, 20, "XLSR", **measured), "score_measured", True
    )
    assert contest.ratio == 1
    assert contest.ratio_range is None


def test_a_published_winner_has_no_rival():
    known = row(2, 4.0, 20, "XLSR")
    contest = Contest(known, known, "score", True)
    assert contest.rival is None
    assert contest.ratio_range is None
    assert "Nothing that the search found scores higher than the published XLSR" in headline(
        contest, None
    )


def test_a_published_winner_may_be_outscored_by_what_breaks_a_limit(make_run):
    files = read_run(make_run())
    known = next(f for f in files.finalists if f["zoo"])
    contest = contest_of(replace(files, best=known))
    assert "Nothing that the search found and that keeps what was asked for scores" in headline(
        contest, None
    )


def test_without_a_published_network_nothing_is_claimed():
    page = headline(Contest(row(1, 6.0, 10), None, "score", True), None)
    assert "no published network to compare it with" in page
    assert "score over best" not in page


def test_the_doubt_says_when_a_measurement_could_reverse_the_order():
    page = headline(Contest(row(1, 6.0, 10), row(2, 4.0, 20, "XLSR"), "score", True), None)
    assert "scores 1.50 times the best published design, XLSR" in page
    assert "50 % less time" in page
    assert "between 0.96 and 2.34. So a measurement could reverse the order." in page
    sure = headline(Contest(row(1, 60.0, 10), row(2, 4.0, 20, "XLSR"), "score", True), None)
    assert "between 9.60 and 23.44." in sure
    assert "reverse" not in sure


def test_contest_of_a_finished_run_is_among_finalists(make_run):
    files = read_run(make_run())
    contest = contest_of(files)
    assert contest.converted
    assert contest.winner["number"] == files.finalists[0]["number"]
    known = [f for f in files.finalists if f["zoo"]]
    assert contest.published == max(known, key=lambda f: f["score"])
    assert contest.ratio == pytest.approx(files.finalists[0]["score_ratio"])
    assert psnr_of(contest.winner) == contest.winner["psnr_litert_int8_db"]


def test_contest_of_an_unfinished_run_is_among_fully_trained_trials(make_run):
    files = read_run(make_run(finished=False))
    contest = contest_of(files)
    full = files.finished[files.finished["steps"] == 400]
    assert not contest.converted
    assert contest.winner["score"] == full["score"].max()
    assert contest.published["score"] == full.loc[full["zoo"] != "", "score"].max()
    assert psnr_of(contest.winner) == contest.winner["psnr_int8_db"]


def test_a_finalist_over_a_limit_does_not_win_and_one_that_must_is_told(make_run):
    files = read_run(make_run())
    light, heavy = files.finalists[1], files.finalists[0] | {"over_limits": ["61 KiB is over"]}
    contest = contest_of(replace(files, finalists=[light, heavy], best=None))
    assert contest.winner["number"] == light["number"]
    alone = contest_of(replace(files, finalists=[heavy], best=None))
    assert "does not keep what was asked for, as no finalist does: 61 KiB is over." in headline(
        alone, None
    )


def test_an_unfinished_run_is_led_by_what_is_good_enough(make_run):
    files = read_run(make_run(finished=False))
    full = files.finished[files.finished["steps"] == 400]
    least_db = full["psnr_int8_db"].max() - 0.01
    lacking_db = (least_db - files.trials["psnr_int8_db"]).clip(lower=0)
    contest = contest_of(replace(files, trials=files.trials.assign(lacking_db=lacking_db)))
    assert contest.winner["psnr_int8_db"] == full["psnr_int8_db"].max()
    closest = contest_of(replace(files, trials=files.trials.assign(lacking_db=lacking_db + 1.5)))
    assert closest.winner["number"] == contest.winner["number"]
    assert "It lacks 1.50 dB of what was asked for" in headline(closest, None)
